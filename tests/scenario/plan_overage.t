# A 200 that the provider bills beside the plan is booked as credit, at its price, and the next call goes to the next step; with `overage: allow` calls go on, each booked so.
each overage then second <<X
stop | from b | 1
allow | paid | 2
X
upstream plan openai
upstream b openai
config alone <<X
upstreams:
  plan: { url: "http://127.0.0.1:$plan/v1", key: passthrough, regime: plan, plan: { windows: [5h], overage: $overage } }
  b: { url: "http://127.0.0.1:$b/v1" }
jobs:
  hard: { chain: [plan/claude-opus-5-5, b/m] }
prices:
  plan/claude-opus-5-5: { input: 5, output: 25 }
X
script plan reply "paid" usage 100 10 header anthropic-ratelimit-unified-status rejected header anthropic-ratelimit-unified-5h-status rejected header anthropic-ratelimit-unified-5h-reset $unix7200 header anthropic-ratelimit-unified-overage-in-use true
script b reply "from b"
start
client POST /v1/chat/completions -H "authorization: Bearer sk-one" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect content "paid"
expect header x-hearth-regime credit
expect header x-hearth-cost-usd 0.00075
expect ledger last regime credit cost_nusd 750000 target plan/claude-opus-5-5
client POST /v1/chat/completions -H "authorization: Bearer sk-one" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect content "$then"
expect header x-hearth-regime credit
expect seen plan requests $second
