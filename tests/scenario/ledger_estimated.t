# Usage that the upstream does not report is estimated and marked.
upstream a openai
upstream b openai
config <<X
jobs:
  bulk: { chain: [a/m, b/m] }
prices:
  a/m: { input: 1, cached: 0.1, output: 2 }
  b/m: { input: 3, output: 6 }
X

script a reply "the quick brown fox jumps over the lazy dog and runs away into the forest" usage off
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect ledger last outcome done estimated true input 1..60 output 10..25
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
expect sse-done
expect ledger last outcome done estimated true input 1..60 output 10..25
