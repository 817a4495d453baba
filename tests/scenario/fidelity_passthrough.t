# A passthrough upstream gets the client's own credential; without one the step is skipped as such.
upstream a openai key: passthrough
upstream b openai
config <<X
jobs:
  bulk: { chain: [a/m, b/m] }
X
script b reply "from b"
start
client POST /v1/chat/completions -H "authorization: Bearer sk-my-own" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect request a header authorization "Bearer sk-my-own"
client POST /v1/chat/completions -H "authorization: Bearer sk-no-key-required" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
expect request b header-absent authorization
client POST /v1/chat/completions <<X
{"model":"a/m","messages":[{"role":"user","content":"hello"}]}
X
expect status 401
expect json .error.message contains "no credential"
