# Every attempt is paid for: a stream that broke off after content is estimated, the answer that was used is as reported.
upstream a openai
upstream b openai
config <<X
jobs:
  bulk: { chain: [a/m, b/m] }
prices:
  a/m: { input: 1, cached: 0.1, output: 2 }
  b/m: { input: 3, output: 6 }
X

script a status 500
script b reply "hi" usage 100 10
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect ledger last attempts 2 target b/m cost_nusd 360000 estimated false
script a reply "x" usage 100 10 error-200 "no"
