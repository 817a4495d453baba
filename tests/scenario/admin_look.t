# Status, targets and usage tell what is: calls under way, a breaker that opened, and the sums of the books.
upstream a openai
upstream b openai
config <<X
jobs:
  bulk: { chain: [a/m] }
  bad: { chain: [b/m] }
X
start
keep token file data/admin-token
client GET /hearth/v1/status -H "authorization: Bearer $token"
expect json .calls "0"
expect json .config like "*hearth.yaml"
expect json .ready "true"
script a hang
client slow POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect seen a requests 1
client GET /hearth/v1/status -H "authorization: Bearer $token"
expect json .calls "1"
client GET /hearth/v1/targets -H "authorization: Bearer $token"
expect json .targets[0].target "a/m"
expect json .targets[0].in_flight "1"
expect json .targets[0].breaker "closed"
expect json .targets[0].why_not "null"
abort slow rst
expect aborted a within 1000
script b status 500
repeat 5 client POST /v1/chat/completions <<X
{"model":"bad","messages":[{"role":"user","content":"hello"}]}
X
client GET /hearth/v1/targets -H "authorization: Bearer $token"
expect json .targets[1].breaker not "closed"
expect json .targets[0].in_flight "0"
client GET /hearth/v1/usage?by=job&job=bad -H "authorization: Bearer $token"
expect status 200
expect json .groups[0].name "bad"
expect json .groups[0].calls "5"
expect json .groups[1] absent
client GET /hearth/v1/usage?by=job&from=2001-01-01&to=2001-01-02 -H "authorization: Bearer $token"
expect json .groups[0] absent
client GET /hearth/v1/usage?by=mood -H "authorization: Bearer $token"
expect status 400
client GET /hearth/v1/usage?nonsense=1 -H "authorization: Bearer $token"
expect status 400
client GET /hearth/v1/usage?tag=%zz -H "authorization: Bearer $token"
expect status 400
burst 60 GET /hearth/v1/usage -H "authorization: Bearer $token"
expect burst 32..60 status 200
expect running
