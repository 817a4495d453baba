# What is no proper HTTP/1.1 request is refused with its status, its connection closed, and the next client served.
each what status bytes <<X
a malformed chunk size | 400 | POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:$port\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n
a Host that is no host | 400 | GET /v1/models HTTP/1.1\r\nhost: a b/c\r\n\r\n
a bare LF in the head | 400 | GET /v1/models HTTP/1.1\nhost: 127.0.0.1:$port\n\n
a blank before the colon | 400 | GET /v1/models HTTP/1.1\r\nhost : 127.0.0.1:$port\r\n\r\n
an encoded request body | 415 | POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:$port\r\ncontent-encoding: gzip\r\ncontent-length: 30\r\n\r\n{"model":"bulk","messages":[]}
a transfer coding other than chunked | 501 | POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:$port\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n
bytes that are no HTTP | 400 | \0\0\0garbage\r\n\r\n
a head of 10 MB | 431 | GET /v1/models HTTP/1.1\r\nhost: 127.0.0.1:$port\r\n{{x-a: 0123456789012345678901234567890123456789\r\n*200000}}\r\n
more headers than allowed | 431 | GET /v1/models HTTP/1.1\r\nhost: 127.0.0.1:$port\r\n{{x: y\r\n*300}}\r\n
no Host | 400 | GET /v1/models HTTP/1.1\r\nx: y\r\n\r\n
a NUL in the head | 400 | GET /v1/models HTTP/1.1\r\nhost: 127.0.0.1:$port\r\nx-a: 1\02\r\n\r\n
a folded header | 400 | GET /v1/models HTTP/1.1\r\nhost: 127.0.0.1:$port\r\nx-a: 1\r\n  2\r\n\r\n
the same length twice | 400 | POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:$port\r\ncontent-length: 30\r\ncontent-length: 30\r\n\r\n{"model":"bulk","messages":[]}
two Host headers | 400 | GET /v1/models HTTP/1.1\r\nhost: 127.0.0.1:$port\r\nhost: localhost\r\n\r\n
two lengths | 400 | POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:$port\r\ncontent-length: 30\r\ncontent-length: 31\r\n\r\n{"model":"bulk","messages":[]}
an unknown version | 505 | GET /v1/models HTTP/3.0\r\nhost: 127.0.0.1:$port\r\n\r\n
X
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
start
raw <<X
$bytes
X
expect status $status
expect closed
expect running
expect seen a connections 0
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
