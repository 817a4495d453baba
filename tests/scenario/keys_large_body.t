# Who shows a wrong key, or no admin token, is refused before a large body is read.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
start
raw <<X
POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer hearth_wrong\r\ncontent-type: application/json\r\ncontent-length: 50000000\r\n\r\n
X
expect status 401
raw <<X
POST /hearth/v1/keys HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n
X
expect status 401
client POST /v1/chat/completions -H "authorization: Bearer ollama" <<X
{"model":"bulk","messages":[{"role":"user","content":"{{a*200000}}"}]}
X
expect status 200
