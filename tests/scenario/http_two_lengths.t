# Two lengths are refused, differing or not.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
start
raw <<X
POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:$port\r\ncontent-length: 30\r\ncontent-length: 31\r\n\r\n{"model":"bulk","messages":[]}
X
expect status 400
expect closed
expect running
expect seen a connections 0
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
