# A chain is walked to its third step.
upstream c openai
upstream a openai
upstream b openai
config <<X
jobs:
  bulk: { chain: [a/m, b/m, c/m] }
X
script a status 500
script b drop -1
script c reply "from c"
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect content "from c"
expect header x-hearth-target c/m
expect header x-hearth-attempts 3
expect ledger last outcome done attempts 3 target c/m
expect seen a requests 1
