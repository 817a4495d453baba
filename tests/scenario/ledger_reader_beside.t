# `hearth usage` works beside the running daemon and is never behind; its reports agree with the lines.
upstream a openai
upstream b openai
config <<X
jobs:
  bulk: { chain: [a/m, b/m] }
prices:
  a/m: { input: 1, cached: 0.1, output: 2 }
  b/m: { input: 3, output: 6 }
X

script a reply "hi" usage 100 50
start
repeat 3 client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect ledger count 3 outcome done cost_nusd 200000
cli usage --by job
expect cli status 0
expect cli contains "bulk"
cli usage --by target --json
expect cli status 0
expect cli contains "a/m"
cli usage --calls --csv
expect cli status 0
expect cli contains "done"
