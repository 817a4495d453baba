# Racing calls cannot overdraw a budget: only as many holds as fit leave the house.
upstream a openai budget: { month: 0.05 USD }
config <<X
jobs:
  bulk: { chain: [a/m] }
prices:
  a/m: { input: 0, output: 10 }
X
script a reply "x" first 500 usage 0 1000
start
burst 30 POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"max_tokens":1000}
X
expect burst 5 status 200
expect burst 25 status 429
expect seen a requests 5
expect ledger count 5 outcome done cost_nusd 10000000
