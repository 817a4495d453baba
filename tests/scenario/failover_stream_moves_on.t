# A stream that fails before its first content moves the call to the next step, and the client sees nothing of it.
each flavour script lacks <<X
openai | empty | chatcmpl-1"
openai | no-choices | chatcmpl-1"
openai | reply cut 1 | chatcmpl-1"
openai | malformed | chatcmpl-1"
openai | error-200 "the backend is gone" | backend is gone
openai | sse-error 0 "boom" | boom
openai | sse-error 1 "boom" | boom
groq | sse-error 1 "boom" | boom
X
upstream a $flavour
upstream b openai
config <<X
jobs:
  bulk: { chain: [a/m, b/m] }
X
script a $script
script b reply "from b"
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
expect status 200
expect content "from b"
expect header x-hearth-target b/m
expect header x-hearth-attempts 2
expect seen b requests 1
expect ledger last outcome done attempts 2 target b/m
expect seen a requests 1
expect sse-done
expect body lacks "$lacks"
