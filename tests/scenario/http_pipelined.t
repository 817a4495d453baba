# Pipelined requests are answered in order, each whole.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
script a reply "one" first 300; reply "two"; reply "three"
start
raw replies 4 <<X
POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:$port\r\ncontent-length: 73\r\n\r\n{"model":"bulk","messages":[{"role":"user","content":"hello number 1!"}]}
GET /healthz HTTP/1.1\r\nhost: 127.0.0.1:$port\r\n\r\n
POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:$port\r\ncontent-length: 73\r\n\r\n{"model":"bulk","messages":[{"role":"user","content":"hello number 2!"}]}
POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:$port\r\ncontent-length: 73\r\n\r\n{"model":"bulk","messages":[{"role":"user","content":"hello number 3!"}]}
X
expect replies 4
reply 1
expect content "one"
reply 2
expect body "ok\n"
reply 3
expect content "two"
reply 4
expect content "three"
