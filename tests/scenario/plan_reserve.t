# The reserve keeps the tail of a window from calls with the tag `batch`: they go to the next step, others stay.
upstream plan openai key: passthrough, regime: plan, plan: { windows: [5h], reserve: 20% for interactive }
upstream b openai
config <<X
jobs:
  hard: { chain: [plan/claude-opus-5-5, b/m] }
X
script plan reply "from plan" header anthropic-ratelimit-unified-status allowed header anthropic-ratelimit-unified-5h-utilization 0.81 header anthropic-ratelimit-unified-5h-reset $unix7200
script b reply "from b"
start
client POST /v1/chat/completions -H "authorization: Bearer sk-one" -H "x-hearth-tags: batch" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect content "from plan"
client POST /v1/chat/completions -H "authorization: Bearer sk-one" -H "x-hearth-tags: night,batch" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
client POST /v1/chat/completions -H "authorization: Bearer sk-one" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect content "from plan"
client POST /v1/chat/completions -H "authorization: Bearer sk-one" -H "x-hearth-tags: batch" <<X
{"model":"plan/claude-opus-5-5","messages":[{"role":"user","content":"hello"}]}
X
expect status 429
expect json .error.message contains "kept for interactive calls" "5h"
