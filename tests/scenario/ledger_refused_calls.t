# What was not let in has no line; what was let in has exactly one.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
start
client POST /v1/chat/completions <<X
{"model":"nonsense","messages":[{"role":"user","content":"hello"}]}
X
expect status 404
client POST /v1/chat/completions <<X
{"model":
X
expect status 400
expect ledger count 0
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect ledger count 1
