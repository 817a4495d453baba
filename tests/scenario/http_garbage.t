# Bytes that are no HTTP are refused.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
start
raw <<X
\0\0\0garbage\r\n\r\n
X
expect status 400
expect closed
expect running
expect seen a connections 0
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
