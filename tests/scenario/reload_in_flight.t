# Calls of the config before count against the limits of the one in force.
upstream a openai
config alone <<X
upstreams: { a: { url: "http://127.0.0.1:$a/v1" } }
jobs:
  bulk: { chain: [a/m] }
X
script a tokens 60 every 25
start
client c1 POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
read c1 until "quick"
config alone <<X
upstreams: { a: { url: "http://127.0.0.1:$a/v1", concurrent: 1, queue: { max: 0 } } }
jobs:
  bulk: { chain: [a/m] }
X
reload
expect log contains "read again (1)"
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 429
wait c1
expect sse-done
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
