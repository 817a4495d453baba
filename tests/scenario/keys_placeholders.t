# What clients send when no key is needed is no credential: a passthrough step is skipped. A real credential is passed through.
# In x-hearth-key it is no key.
upstream a openai key: passthrough
upstream b openai
config <<X
jobs:
  bulk: { chain: [a/m, b/m] }
X
script b reply "from b"
start
client POST /v1/chat/completions -H "authorization: Bearer ollama" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
client POST /v1/chat/completions -H "authorization: Bearer EMPTY" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
client POST /v1/chat/completions -H "authorization: Bearer sk-no-key-required" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
client POST /v1/chat/completions -H "authorization: Bearer " -H "x-api-key: none" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
client POST /v1/chat/completions -H "authorization: Bearer lm-studio" -H "x-api-key: dummy" -H "api-key: undefined" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
expect seen a requests 0
client POST /v1/chat/completions -H "authorization: Bearer sk-1234" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect request a header authorization "Bearer sk-1234"
client POST /v1/chat/completions -H "authorization: Bearer ollama" -H "x-api-key: sk-ant-mine" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect request a header authorization "Bearer sk-ant-mine"
expect request a header-absent x-api-key
client POST /v1/chat/completions -H "x-hearth-key: EMPTY" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
client POST /v1/chat/completions -H "x-hearth-key: ollama" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
client POST /v1/chat/completions -H "x-hearth-key: sk-no-key-required" -H "authorization: Bearer sk-mine" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect request a header authorization "Bearer sk-mine"
