# A budget refuses what could overdraw it: the next step is taken, and a target asked for by name is a 429 that says so.
upstream a openai budget: { month: 0.01 USD }
upstream b openai
config <<X
jobs:
  bulk: { chain: [a/m, b/m] }
prices:
  a/m: { input: 1, output: 10 }
X
script a reply "from a" usage 100 500
script b reply "from b"
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"max_tokens":900}
X
expect content "from a"
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"max_tokens":900}
X
expect content "from b"
expect header x-hearth-attempts 1
client POST /v1/chat/completions <<X
{"model":"a/m","messages":[{"role":"user","content":"hello"}],"max_tokens":900}
X
expect status 429
expect json .error.message contains "budget" "upstream a"
expect seen a requests 1
kill
start
client POST /v1/chat/completions <<X
{"model":"a/m","messages":[{"role":"user","content":"hello"}],"max_tokens":900}
X
expect status 429
expect json .error.message contains "budget" "upstream a"
