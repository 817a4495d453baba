# Where prices are compared, a plan whose provider bills beside it is no longer free: under `overage: allow` calls cost their list price, until an answer is within the plan again.
upstream plan openai
upstream b openai
config alone <<X
upstreams:
  plan: { url: "http://127.0.0.1:$plan/v1", key: passthrough, regime: plan, plan: { windows: [5h], overage: allow } }
  b: { url: "http://127.0.0.1:$b/v1" }
jobs:
  hard: { chain: [{ try: [plan/claude-opus-5-5, b/m], balance: cheapest }] }
prices:
  plan/claude-opus-5-5: { input: 5, output: 25 }
  b/m: { input: 1, output: 2 }
X
script plan reply "paid" usage 100 10 header anthropic-ratelimit-unified-status rejected header anthropic-ratelimit-unified-5h-status rejected header anthropic-ratelimit-unified-5h-reset $unix7200 header anthropic-ratelimit-unified-overage-in-use true; reply "within" usage 100 10 header anthropic-ratelimit-unified-status allowed
script b reply "from b"
start
client POST /v1/chat/completions -H "authorization: Bearer sk-one" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect content "paid"
expect header x-hearth-regime credit
client POST /v1/chat/completions -H "authorization: Bearer sk-one" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
cli explain $call
expect cli contains "1. b/m  attempt 1: answered" "2. plan/claude-opus-5-5  not asked" "compared at $ 0.0"
client POST /v1/chat/completions -H "authorization: Bearer sk-one" <<X
{"model":"plan/claude-opus-5-5","messages":[{"role":"user","content":"hello"}]}
X
expect content "within"
client POST /v1/chat/completions -H "authorization: Bearer sk-one" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect content "within"
expect header x-hearth-regime plan
