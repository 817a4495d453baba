# What a client had pipelined, however much, does not hide that it left.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
script a first 15000 reply "late"
start
raw c <<X &
POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 63\r\n\r\n{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 900000\r\n\r\n{{x*500000}}
X
expect seen a open 1
abort c fin
expect aborted a within 1000
