# A body over the limit is refused before it is read.
upstream a openai
config <<X
limits: { body: 1MiB }
jobs:
  bulk: { chain: [a/m] }
X
start
raw <<X
POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:$port\r\ncontent-type: application/json\r\ncontent-length: 20000000\r\n\r\n{"model":
X
expect status 413
expect closed
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
