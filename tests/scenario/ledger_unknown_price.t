# A price that nobody knows is unknown, never 0.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect header x-hearth-cost-usd unknown
expect ledger last outcome done cost_nusd null
