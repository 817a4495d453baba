# A breaker belongs to a target: another model of the same upstream is still asked.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
  other: { chain: [a/n] }
X
script a status 500; status 500; status 500; status 500; status 500; reply "fine"
start
repeat 5 client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 502
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 503
client POST /v1/chat/completions <<X
{"model":"other","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect content "fine"
