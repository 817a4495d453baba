# A chunked request in odd pieces is read whole.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
start
raw <<X
POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:$port\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{"mod
pause 20
\r\n8;ext=1\r\nel":"bul\r
pause 20
\n
3b\r\nk","messages":[{"role":"user","content":"chunked hello!"}]}\r\n0\r\nx-trailer: 1\r\n\r\n
X
expect status 200
expect request a json .messages[0].content "chunked hello!"
