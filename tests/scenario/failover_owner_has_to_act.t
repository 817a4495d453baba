# A refused key and a spent balance move the call on, and rest the target for long and loudly.
each flavour status words <<X
openai | 401 | refuses our key
deepseek | 402 | balance is spent
X
upstream a $flavour
upstream b openai
config <<X
jobs:
  bulk: { chain: [a/m, b/m] }
X
script a status $status; reply "from a"
script b reply "from b"
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect content "from b"
expect header x-hearth-target b/m
expect header x-hearth-attempts 2
expect seen b requests 1
expect ledger last outcome done attempts 2 target b/m
expect seen a requests 1
expect log contains "a/m" "$words"
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect header x-hearth-target b/m
expect header x-hearth-attempts 1
expect seen a requests 1
