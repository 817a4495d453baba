# A reload keeps what was counted of the minute where the place is the same, and a new limit begins from it.
upstream a openai
config alone <<X
upstreams: { a: { url: "http://127.0.0.1:$a/v1", rpm: 3 } }
jobs:
  bulk: { chain: [a/m] }
X
start
repeat 2 client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
config alone <<X
upstreams: { a: { url: "http://127.0.0.1:$a/v1", rpm: 3, tpm: 1M } }
jobs:
  other: { chain: [a/m] }
X
reload
expect log contains "read again (1)"
client POST /v1/chat/completions <<X
{"model":"other","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
client POST /v1/chat/completions <<X
{"model":"other","messages":[{"role":"user","content":"hello"}]}
X
expect status 429
config alone <<X
upstreams: { a: { url: "http://127.0.0.1:$a/v1", rpm: 4 } }
jobs:
  other: { chain: [a/m] }
X
reload
expect log contains "read again (2)"
client POST /v1/chat/completions <<X
{"model":"other","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
client POST /v1/chat/completions <<X
{"model":"other","messages":[{"role":"user","content":"hello"}]}
X
expect status 429
expect seen a requests 4
