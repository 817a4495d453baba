# HEAD has no body, OPTIONS answers, an unknown path is 404, a wrong method 405.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
start
raw <<X
HEAD /v1/models HTTP/1.1\r\nhost: 127.0.0.1:$port\r\nconnection: close\r\n\r\n
X
expect status 200
expect closed
expect replies 1
client OPTIONS /v1/chat/completions -H "origin: http://127.0.0.1:$port"
expect status 204
client GET /v1/chat/completions
expect status 405
expect header allow "POST, OPTIONS"
client POST /nothing <<X
{}
X
expect status 404
client GET /
expect body "Ollama is running"
client GET / -H "accept: text/html"
expect header content-type contains "text/html"
client GET /readyz
expect status 200
