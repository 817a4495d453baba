# A client that closes its side before its request is complete leaves nothing behind.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
start
raw c1 <<X &
POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:$port\r\ncontent-length: 100\r\n\r\n{"model":
X
abort c1 fin
expect closed
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect ledger count 1
expect running
