# A server that lacks the client's own dialect is asked in another at once, which the client does not notice, and the next time without asking again.
upstream a llama-server vendor: llama-server
config <<X
loops: 1
jobs:
  bulk: { chain: [a/m] }
X
script a status 404 body "{\"error\":{\"code\":404,\"message\":\"File Not Found\",\"type\":\"not_found_error\"}}"; reply "in chat"
start
client POST /v1/messages <<X
{"model":"bulk","max_tokens":100,"messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect content "in chat"
expect json .type "message"
expect header x-hearth-attempts 2
expect request a head contains "POST /v1/chat/completions"
expect ledger last outcome done attempts 2
client POST /v1/messages <<X
{"model":"bulk","max_tokens":100,"messages":[{"role":"user","content":"hello"}],"stream":true}
X
expect content "in chat"
expect header x-hearth-attempts 1
expect seen a requests 3
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect content "in chat"
script a status 404 body "{\"error\":{\"code\":404,\"message\":\"model 'm' not found\",\"type\":\"not_found_error\"}}"
client POST /v1/messages <<X
{"model":"bulk","max_tokens":100,"messages":[{"role":"user","content":"hello"}]}
X
expect status 502
expect json .error.message contains "a/m"
expect seen a requests 5
