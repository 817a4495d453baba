# Expect: 100-continue is answered before the body.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
start
raw c1 <<X &
POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:$port\r\ncontent-type: application/json\r\nexpect: 100-continue\r\ncontent-length: 73\r\n\r\n
X
read c1 until "100 Continue"
send c1 <<X
{"model":"bulk","messages":[{"role":"user","content":"hello number 1!"}]}
X
wait c1
expect status 200
