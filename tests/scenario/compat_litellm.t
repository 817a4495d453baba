# With `compat: litellm` answers carry LiteLLM's headers beside ours, errors too; without it none.
upstream a openai
upstream b openai
config <<X
compat: litellm
jobs:
  bulk: { chain: [a/m, b/m] }
  free: { chain: [b/unpriced] }
aliases: { "House/GPT-4o:fast": bulk, "Chat*GPT": bulk }
prices:
  a/m: { input: 1, output: 2 }
  b/m: { input: 1, output: 2 }
X
script a status 500
script b reply "hi" usage 1000 500
start
client POST /v1/chat/completions <<X
{"model":"House/GPT-4o:fast","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect header x-hearth-target b/m
expect header x-litellm-call-id any
expect header x-litellm-model-id b/m
expect header x-litellm-model-group House/GPT-4o:fast
expect header x-litellm-attempted-fallbacks 1
expect header x-litellm-attempted-retries 0
expect header x-litellm-response-cost 0.002
expect header x-litellm-overhead-duration-ms any
client POST /v1/chat/completions <<X
{"model":"free","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect header-absent x-litellm-response-cost
client POST /v1/chat/completions <<X
{"model":"bulk","stream":true,"messages":[{"role":"user","content":"hello"}]}
X
expect header x-litellm-model-id b/m
expect header-absent x-litellm-response-cost
client POST /v1/chat/completions <<X
{"model":"Chat mit Bär, GPT","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect header x-litellm-model-group bulk
script b status 500
client POST /v1/chat/completions <<X
{"model":"free","messages":[{"role":"user","content":"hello"}]}
X
expect status 502
expect header x-litellm-model-id -
expect header x-litellm-model-group free
