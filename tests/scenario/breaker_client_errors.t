# A client's own errors do not open a breaker.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
script a status 400; status 400; status 400; status 400; status 400; status 400; reply "fine"
start
repeat 6 client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 400
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect content "fine"
