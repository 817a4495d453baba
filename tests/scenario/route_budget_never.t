# A budget refuses at once, and says so, what it could never let through: no known price, or a worst case above the whole of it.
upstream a openai budget: { month: 1 USD }
upstream b openai budget: { month: 1 USD }
config <<X
jobs:
  unpriced: { chain: [a/m] }
  large: { chain: [b/m] }
prices:
  b/m: { input: 1, output: 10 }
X
cli config check
expect cli status 0
expect cli contains "warning: a/m has no known price, so the budget of a refuses its calls: give it one under `prices`"
expect cli lacks "b/m has no known price"
start
client POST /v1/chat/completions <<X
{"model":"unpriced","messages":[{"role":"user","content":"hello"}],"max_tokens":10}
X
expect status 429
expect json .error.code "budget_exhausted"
expect body contains "a/m: not tried, it has a budget and no known price (give it one under `prices`)"
expect header-absent retry-after
client POST /v1/chat/completions <<X
{"model":"large","messages":[{"role":"user","content":"hello"}],"max_tokens":200000}
X
expect status 429
expect json .error.code "budget_exhausted"
expect body contains "b/m: not tried, its worst case is more than is left of the budget of upstream b\""
expect header-absent retry-after
client POST /v1/chat/completions <<X
{"model":"large","messages":[{"role":"user","content":"hello"}],"max_tokens":2000}
X
expect status 200
expect seen a requests 0
