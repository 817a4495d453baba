# An empty x-hearth-boundary is refused: who sends it meant something, and it may have been home.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
start
client POST /v1/chat/completions -H "x-hearth-boundary: " <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 400
expect seen a requests 0
