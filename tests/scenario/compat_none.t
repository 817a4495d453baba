# Without `compat` no header of another program is sent.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect header-absent x-litellm-call-id
expect header-absent x-litellm-model-id
