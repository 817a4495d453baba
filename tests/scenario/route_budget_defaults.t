# The hold counts what the job's defaults ask for.
upstream a openai budget: { month: 0.02 USD }
config <<X
jobs:
  bulk: { chain: [a/m], defaults: { n: 10 } }
prices:
  a/m: { input: 1, output: 10 }
X
script a reply "x" usage 100 10000
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"max_tokens":1000}
X
expect status 429
expect seen a requests 0
