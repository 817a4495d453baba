# What has a ceiling is told with it: budgets by window (spent, held for what is under way, limit), calls under way, held bytes.
upstream a openai budget: { month: 10 USD, day: 1.5 USD }
upstream b openai
config <<X
limits: { calls: 300 }
memory: { buffered: 64 MiB }
jobs:
  bulk: { chain: [a/m] }
prices:
  a/m: { input: 1, output: 2 }
X
script a usage 100 50
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
client GET /metrics
expect metrics format
expect metrics "hearth_budget_spent_usd{upstream=\"a\",window=\"month\"} 0.0002"
expect metrics "hearth_budget_spent_usd{upstream=\"a\",window=\"day\"} 0.0002"
expect metrics "hearth_budget_held_usd{upstream=\"a\",window=\"month\"} 0"
expect metrics "hearth_budget_limit_usd{upstream=\"a\",window=\"month\"} 10"
expect metrics "hearth_budget_limit_usd{upstream=\"a\",window=\"day\"} 1.5"
expect body lacks "window=\"hour\"" "{upstream=\"b\",window"
expect metrics "hearth_calls_open 0"
expect metrics "hearth_calls_open_max 300"
expect metrics "hearth_held_bytes_max 67108864"
expect metrics "hearth_keys 0"
script a hang
client slow POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"max_tokens":100000}
X
expect seen a requests 2
client GET /metrics
expect body lacks "hearth_budget_held_usd{upstream=\"a\",window=\"month\"} 0\n"
expect metrics "hearth_calls_open 1"
abort slow rst
expect aborted a within 1000
client GET /metrics
expect metrics "hearth_calls_open 0"
expect metrics "hearth_budget_held_usd{upstream=\"a\",window=\"month\"} 0"
