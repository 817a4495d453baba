# After kill -9 the finished call is as it was, and the call in flight is lost, charged at its hold, marked estimated; once.
upstream a openai
upstream b openai
config <<X
jobs:
  bulk: { chain: [a/m, b/m] }
prices:
  a/m: { input: 1, cached: 0.1, output: 2 }
  b/m: { input: 3, output: 6 }
X

script a reply "hi" usage 100 50; tokens 1000 every 20
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect ledger call $call outcome done cost_nusd 200000
client c1 POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true,"max_tokens":1000}
X
read c1 until "brown"
kill
expect ledger count 2
expect ledger call $call outcome lost estimated true attempts 1 cost_nusd 2000000..2200000
start
expect ledger count 2
expect ledger count 1 outcome lost
expect ledger count 1 outcome done
kill
start
stop
expect ledger count 2
expect ledger count 1 outcome lost estimated true
