# A plan from open over spent to back: its calls overflow at once, stay away until the reset, return with one probe, and the books tell the money of both.
# plain: libfaketime and a sanitizer both want to be loaded first.
upstream plan openai key: passthrough, regime: plan, plan: { monthly: 100 USD, windows: [5h, 7d] }
upstream b openai
config <<X
jobs:
  hard: { chain: [plan/claude-opus-5-5, b/m] }
prices:
  plan/claude-opus-5-5: { input: 5, output: 25 }
  b/m: { input: 1, output: 2 }
X
script plan reply "one" usage 100 10 header anthropic-ratelimit-unified-status allowed header anthropic-ratelimit-unified-5h-status allowed header anthropic-ratelimit-unified-5h-utilization 0.42 header anthropic-ratelimit-unified-5h-reset 1795269600; status 429 header anthropic-ratelimit-unified-status rejected header anthropic-ratelimit-unified-5h-status rejected header anthropic-ratelimit-unified-5h-reset 1795269600 header retry-after 10; reply "back" usage 100 10 header anthropic-ratelimit-unified-status allowed header anthropic-ratelimit-unified-5h-status allowed header anthropic-ratelimit-unified-5h-utilization 0.01
script b reply "from b" usage 100 100
clock 2026-11-21T13:00:00Z
start
client POST /v1/chat/completions -H "authorization: Bearer sk-ant-oat-mine" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect content "one"
expect header x-hearth-regime plan
expect header x-hearth-cost-usd 0
expect ledger last regime plan cost_nusd 0 input 100 target plan/claude-opus-5-5
client POST /v1/chat/completions -H "authorization: Bearer sk-ant-oat-mine" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
expect header x-hearth-attempts 2
expect header x-hearth-regime credit
expect ledger last regime credit cost_nusd 300000
expect log count 1 "its 5h window is spent"
client POST /v1/chat/completions -H "authorization: Bearer sk-ant-oat-mine" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
expect header x-hearth-attempts 1
expect seen plan requests 2
cli usage --attempts --json --target plan/claude-opus-5-5
expect cli contains "plan_spent"
client POST /v1/chat/completions -H "authorization: Bearer sk-ant-oat-mine" <<X
{"model":"plan/claude-opus-5-5","messages":[{"role":"user","content":"hello"}]}
X
expect status 429
expect json .error.message contains "a window of its plan is spent" "5h" "2026-11-21T14:00"
clock 2026-11-21T14:00:45Z
client POST /v1/chat/completions -H "authorization: Bearer sk-ant-oat-mine" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect content "back"
expect header x-hearth-regime plan
expect log count 1 "its 5h window is open again"
expect seen b requests 2
expect files-lack "sk-ant-oat"
expect log lacks "sk-ant-oat"
