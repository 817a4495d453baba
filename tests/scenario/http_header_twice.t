# A header that decides who may do what is refused when it stands there twice: no second one goes unseen.
each first second <<X
origin: http://127.0.0.1:$port | origin: https://evil.example
origin: http://127.0.0.1:$port | Origin: http://127.0.0.1:$port
sec-fetch-site: same-origin | Sec-Fetch-Site: cross-site
authorization: Bearer ollama | authorization: Bearer sk-other
x-hearth-key: EMPTY | x-hearth-key: hearth_1
x-api-key: none | x-api-key: hearth_1
api-key: none | api-key: hearth_1
x-goog-api-key: none | x-goog-api-key: hearth_1
content-type: application/json | content-type: text/plain
X
upstream a openai key: passthrough
config <<X
jobs:
  bulk: { chain: [a/m] }
X
start
raw <<X
POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:$port\r\n$first\r\n$second\r\ncontent-length: 63\r\n\r\n{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 400
expect json .error.message contains "more than once"
expect seen a connections 0
