# Malformed requests are 400 with a story, and start nothing.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}
X
expect status 400
expect json .error.type invalid_request_error
client POST /v1/chat/completions <<X
[]
X
expect status 400
client POST /v1/chat/completions <<X
{"messages":[{"role":"user","content":"hello"}]}
X
expect status 400
expect json .error.message contains "model"
client POST /v1/chat/completions <<X
{"model":"bulk"}
X
expect status 400
expect json .error.message contains "messages"
client POST /v1/chat/completions <<X
{"model":17,"messages":[]}
X
expect status 400
client POST /v1/chat/completions
expect status 400
expect seen a connections 0
