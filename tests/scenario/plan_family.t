# A window of a model class that is spent rests that family alone.
upstream plan openai key: passthrough, regime: plan, plan: { windows: [5h] }
upstream b openai
config <<X
jobs:
  top: { chain: [plan/claude-fable-5-1, b/m] }
  hard: { chain: [plan/claude-opus-5-5, b/m] }
X
script plan status 429 header Anthropic-Ratelimit-Unified-Status rejected header anthropic-ratelimit-unified-5h-status allowed header anthropic-ratelimit-unified-7d-status allowed header anthropic-ratelimit-unified-7d_oi-status rejected header anthropic-ratelimit-unified-7d_oi-reset $unix90000; reply "opus"
script b reply "from b"
start
client POST /v1/chat/completions -H "authorization: Bearer sk-one" <<X
{"model":"top","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
client POST /v1/chat/completions -H "authorization: Bearer sk-one" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect content "opus"
client POST /v1/chat/completions -H "authorization: Bearer sk-one" <<X
{"model":"top","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
expect header x-hearth-attempts 1
expect seen plan requests 2
