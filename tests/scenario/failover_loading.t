# A llama-server that is still loading its model says 503: the call goes on, and the server is asked again when it is there.
upstream a llama-server vendor: llama-server
upstream b openai
config <<X
jobs:
  bulk: { chain: [a/m, b/m] }
X
script a status 503 body "{\"error\":{\"code\":503,\"message\":\"Loading model\",\"type\":\"unavailable_error\"}}"; reply "from a"
script b reply "from b"
start
client POST /v1/messages <<X
{"model":"bulk","max_tokens":9,"messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
expect header x-hearth-attempts 2
client-until 200 8000 POST /v1/messages <<X
{"model":"a/m","max_tokens":9,"messages":[{"role":"user","content":"hello"}]}
X
expect content "from a"
# an error inside its stream, which has no [DONE]: before the first word the next one answers, behind it the client reads an error
script a raw "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\ndata: {\"error\":{\"code\":500,\"message\":\"slot lost\",\"type\":\"server_error\"}}\n\n"
client POST /v1/chat/completions <<X
{"model":"bulk","stream":true,"messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
expect sse-done
