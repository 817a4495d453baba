# A transfer coding other than chunked is refused.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
start
raw <<X
POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:$port\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n
X
expect status 501
expect closed
expect running
expect seen a connections 0
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
