# Costs are exact: input less cached at its price, cached at its own, output at its own; the header says the same.
upstream a openai
upstream b openai
config <<X
jobs:
  bulk: { chain: [a/m, b/m] }
prices:
  a/m: { input: 1, cached: 0.1, output: 2 }
  b/m: { input: 3, output: 6 }
X

script a reply "hi" usage 1000 500 cached 400
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect header x-hearth-cost-usd 0.00164
expect ledger last outcome done cost_nusd 1640000 input 1000 cached 400 output 500 estimated false regime credit job bulk
