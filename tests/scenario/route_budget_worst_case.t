# The hold covers every completion that is paid for: each prompt of a list, and best_of.
upstream a openai budget: { month: 0.02 USD }
config <<X
jobs:
  bulk: { chain: [a/m] }
prices:
  a/m: { input: 1, output: 10 }
X
script a reply "x" usage 100 10000
start
client POST /v1/completions <<X
{"model":"bulk","prompt":["a","b","c","d","e","f","g","h","i","j"],"max_tokens":1000}
X
expect status 429
client POST /v1/completions <<X
{"model":"bulk","prompt":"a","best_of":10,"max_tokens":1000}
X
expect status 429
expect seen a requests 0
