# Content-Length together with Transfer-Encoding is refused and the connection closed.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
start
raw <<X
POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:$port\r\ncontent-length: 30\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nhost: 127.0.0.1:$port\r\n\r\n
X
expect status 400
expect replies 1
expect closed
expect seen a connections 0
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
