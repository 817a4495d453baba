# A client that leaves inside its own request's body starts nothing.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
start
raw c1 <<X &
POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:$port\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n
{"model":"bulk","messages":[
X
abort c1 rst
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect seen a requests 1
expect ledger count 1
