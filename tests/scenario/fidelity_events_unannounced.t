# Events that are announced as something else, or as nothing, are the stream that was asked for.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
start
script a raw "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"one\"}}]}\n\ndata: [DONE]\n\n"
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
expect status 200
expect header content-type "text/event-stream; charset=utf-8"
expect content "one"
expect sse-done
script a raw "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n: hello\r\n\r\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"two\"}}]}\r\n\r\ndata: [DONE]\r\n\r\n"
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
expect status 200
expect content "two"
expect sse-done
script a raw "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\ndata: {\"choices\":[]}"
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 502
