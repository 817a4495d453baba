# Five failures within the window open the breaker: the next call does not reach the target.
upstream a openai
upstream b openai
config <<X
jobs:
  bulk: { chain: [a/m, b/m] }
X
script a status 500
script b reply "from b"
start
repeat 4 client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect header x-hearth-attempts 2
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect header x-hearth-attempts 2
expect seen a requests 5
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect header x-hearth-attempts 1
expect content "from b"
expect seen a requests 5
expect log contains "a/m" "rests"
