# A call that waits in line under one config gets its place although another one is in force by then.
upstream a openai
config alone <<X
upstreams: { a: { url: "http://127.0.0.1:$a/v1", concurrent: 1, queue: { max: 4, wait: 10s } } }
jobs:
  bulk: { chain: [a/m] }
X
script a tokens 60 every 30
start
client c1 POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
read c1 until "quick"
client c2 POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
client-until 200 5000 GET /readyz
config alone <<X
upstreams: { a: { url: "http://127.0.0.1:$a/v1", concurrent: 1, queue: { max: 4, wait: 10s } } }
jobs:
  other: { chain: [a/m] }
X
reload
expect log contains "read again (1)"
client c3 POST /v1/chat/completions <<X &
{"model":"other","messages":[{"role":"user","content":"hello"}]}
X
wait c1
expect sse-done
wait c2
expect sse-done
wait c3
expect status 200
expect seen a requests 3
expect ledger count 3 outcome done
stop
