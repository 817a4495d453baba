# When the disk is full, new calls get 503 with the reason, one under way ends properly, and nobody has to help when there is room.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
script a reply "from a"
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
script a tokens 8 every 100
client running POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
read running until "delta"
expect seen a requests 2
disk full
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 503
expect json .error.message contains "the journal cannot be written"
expect header retry-after 1
expect header-absent x-should-retry
expect seen a requests 2
wait running
expect status 200
expect sse-done
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 503
client GET /healthz
expect status 200
cli usage --calls --json
expect cli status 0
disk free
script a reply "from a"
client-until 200 5000 POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect content "from a"
expect log contains "the journal can be written again"
client-until 200 3000 GET /readyz
expect ledger count 3 outcome done
expect ledger count 0 outcome lost
expect ledger unique
stop
expect ledger count 3 outcome done
