# A clock that jumps a year ahead and comes back finds the month as spent as it left it, and the next month is free.
# plain: libfaketime and a sanitizer both want to be loaded first.
upstream a openai budget: { month: 0.01 USD }
config <<X
jobs:
  bulk: { chain: [a/m] }
prices:
  a/m: { input: 1, output: 10 }
X
script a reply "from a" usage 100 500
clock 2026-11-21T12:00:00Z
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"max_tokens":900}
X
expect content "from a"
clock 2027-12-21T12:00:00Z
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"max_tokens":900}
X
expect content "from a"
clock 2026-11-21T12:00:10Z
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"max_tokens":900}
X
expect status 429
expect json .error.message contains "budget" "upstream a"
clock 2026-12-01T00:00:10Z
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"max_tokens":900}
X
expect content "from a"
expect seen a requests 3
