# What is spent stays spent when the process dies at once after it; so do the windows of a plan that is not.
upstream plan openai key: passthrough, regime: plan, plan: { windows: [5h] }
upstream b openai
config <<X
jobs:
  hard: { chain: [plan/claude-opus-5-5, b/m] }
X
script plan status 429 header anthropic-ratelimit-unified-status rejected header anthropic-ratelimit-unified-7d-status rejected header anthropic-ratelimit-unified-7d-reset $unix90000
script b reply "from b"
start
client POST /v1/chat/completions -H "authorization: Bearer sk-one" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
kill
start
client POST /v1/chat/completions -H "authorization: Bearer sk-one" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
expect header x-hearth-attempts 1
expect seen plan requests 1
expect mode data/plan.key 600
reload
client POST /v1/chat/completions -H "authorization: Bearer sk-one" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect header x-hearth-attempts 1
expect seen plan requests 1
