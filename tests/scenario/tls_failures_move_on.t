# Each way TLS can fail is a reason of its own in the story, moves the call on, and costs nothing; a good certificate answers.
upstream good tls:good
upstream name tls:good url: "https://localhost:$name/v1"
upstream expired tls:expired
upstream early tls:early
upstream wrong tls:wrong-name
upstream self tls:self-signed
upstream silent tls:silent timeout: { connect: 1s }
upstream plain openai url: "https://127.0.0.1:$plain/v1"
upstream spoken tls:good url: "http://127.0.0.1:$spoken/v1"
upstream b openai
config <<X
ca_file: $folder/ca.pem
loops: 1
jobs:
  expired: { chain: [expired/m, b/m] }
  early: { chain: [early/m, b/m] }
  wrong: { chain: [wrong/m, b/m] }
  self: { chain: [self/m, b/m] }
  silent: { chain: [silent/m, b/m] }
  plain: { chain: [plain/m, b/m] }
  spoken: { chain: [spoken/m, b/m] }
X
script good reply "over TLS"
script name reply "by name"
script b reply "from b"
start
client POST /v1/chat/completions <<X
{"model":"good/m","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect content "over TLS"
client POST /v1/chat/completions <<X
{"model":"good/m","messages":[{"role":"user","content":"hello"}],"stream":true}
X
expect content "over TLS"
expect sse-done
expect seen good requests 2
client POST /v1/chat/completions <<X
{"model":"name/m","messages":[{"role":"user","content":"hello"}]}
X
expect content "by name"
client POST /v1/chat/completions <<X
{"model":"expired/m","messages":[{"role":"user","content":"hello"}]}
X
expect status 502
expect json .error.message contains "expired/m: the TLS handshake failed: " "certificate has expired"
expect ledger last outcome failed attempts 1 cost_nusd 0
client POST /v1/chat/completions <<X
{"model":"expired","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
expect header x-hearth-attempts 2
expect ledger last outcome done attempts 2 target b/m
client POST /v1/chat/completions <<X
{"model":"early/m","messages":[{"role":"user","content":"hello"}]}
X
expect status 502
expect json .error.message contains "early/m: the TLS handshake failed: " "not yet valid"
expect ledger last outcome failed attempts 1 cost_nusd 0
client POST /v1/chat/completions <<X
{"model":"early","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
expect header x-hearth-attempts 2
expect ledger last outcome done attempts 2 target b/m
client POST /v1/chat/completions <<X
{"model":"wrong/m","messages":[{"role":"user","content":"hello"}]}
X
expect status 502
expect json .error.message contains "wrong/m: the TLS handshake failed: " "127.0.0.1"
expect ledger last outcome failed attempts 1 cost_nusd 0
client POST /v1/chat/completions <<X
{"model":"wrong","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
expect header x-hearth-attempts 2
expect ledger last outcome done attempts 2 target b/m
client POST /v1/chat/completions <<X
{"model":"self/m","messages":[{"role":"user","content":"hello"}]}
X
expect status 502
expect json .error.message contains "self/m: the TLS handshake failed: " "self-signed certificate"
expect ledger last outcome failed attempts 1 cost_nusd 0
client POST /v1/chat/completions <<X
{"model":"self","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
expect header x-hearth-attempts 2
expect ledger last outcome done attempts 2 target b/m
client POST /v1/chat/completions <<X
{"model":"silent/m","messages":[{"role":"user","content":"hello"}]}
X
expect status 504
expect json .error.message contains "silent/m: no connection in time: " "1000 ms"
expect ledger last outcome failed attempts 1 cost_nusd 0
client POST /v1/chat/completions <<X
{"model":"silent","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
expect header x-hearth-attempts 2
expect ledger last outcome done attempts 2 target b/m
client POST /v1/chat/completions <<X
{"model":"plain/m","messages":[{"role":"user","content":"hello"}]}
X
expect status 502
expect json .error.message contains "plain/m: the TLS handshake failed: " "wrong version number"
expect ledger last outcome failed attempts 1 cost_nusd 0
client POST /v1/chat/completions <<X
{"model":"plain","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
expect header x-hearth-attempts 2
expect ledger last outcome done attempts 2 target b/m
client POST /v1/chat/completions <<X
{"model":"spoken/m","messages":[{"role":"user","content":"hello"}]}
X
expect status 502
expect json .error.message contains "spoken/m: the connection broke: " "reset"
expect ledger last outcome failed attempts 1
client POST /v1/chat/completions <<X
{"model":"spoken","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
expect header x-hearth-attempts 2
expect ledger last outcome done attempts 2 target b/m
expect seen expired requests 0
expect seen early requests 0
expect seen wrong requests 0
expect seen self requests 0
expect seen silent requests 0
expect seen plain requests 0
expect seen spoken requests 0
expect seen b requests 7
