# A probe that fails opens the breaker again, for longer.
upstream a openai
upstream b openai
config <<X
jobs:
  bulk: { chain: [a/m, b/m] }
X
script a status 500
script b reply "from b"
start
repeat 5 client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect seen a requests 5
probe a 6 4000 POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
wait probe
expect content "from b"
client POST /v1/chat/completions <<X
{"model":"a/m","messages":[{"role":"user","content":"hello"}]}
X
expect status 503
expect header retry-after over 1
expect header retry-after under 4
expect seen a requests 6
