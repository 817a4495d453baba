# Each way TLS can fail is told as what it is, moves the call to the next step, and nothing reaches the upstream.
each flavour scheme status story detail <<X
tls:expired | https | 502 | the TLS handshake failed | certificate has expired
tls:early | https | 502 | the TLS handshake failed | certificate is not yet valid
tls:wrong-name | https | 502 | the TLS handshake failed | 127.0.0.1
tls:self-signed | https | 502 | the TLS handshake failed | self-signed certificate
tls:silent | https | 504 | no connection in time | connected, but the TLS handshake is not over after 1000 ms
openai | https | 502 | the TLS handshake failed | write http:// in `url`
tls:good | http | 502 | the connection broke | reset
X
upstream a $flavour url: "$scheme://127.0.0.1:$a/v1", timeout: { connect: 1s }
upstream b tls:good
config <<X
ca_file: $folder/ca.pem
loops: 1
jobs:
  bulk: { chain: [a/m, b/m] }
X
script b reply "from b"
start
client POST /v1/chat/completions <<X
{"model":"a/m","messages":[{"role":"user","content":"hello"}]}
X
expect status $status
expect json .error.message contains "a/m: $story: " "$detail"
expect ledger last outcome failed attempts 1
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect content "from b"
expect header x-hearth-target b/m
expect header x-hearth-attempts 2
expect ledger last outcome done attempts 2 target b/m
expect seen a requests 0
expect seen b requests 1
