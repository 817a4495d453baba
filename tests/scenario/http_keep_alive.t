# A connection is kept after an answer, also after an error answer of a complete request.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
start
raw replies 3 <<X
POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:$port\r\ncontent-length: 2\r\n\r\n{}
GET /nothing HTTP/1.1\r\nhost: 127.0.0.1:$port\r\n\r\n
GET /healthz HTTP/1.1\r\nhost: 127.0.0.1:$port\r\n\r\n
X
reply 1
expect status 400
reply 2
expect status 404
reply 3
expect status 200
