# An unknown version is refused.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
start
raw <<X
GET /v1/models HTTP/3.0\r\nhost: 127.0.0.1:$port\r\n\r\n
X
expect status 505
expect closed
expect running
expect seen a connections 0
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
