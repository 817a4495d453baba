# kill -9 under load (whole answers): every answered call has its line, once; what else is there was in flight and is lost, once.
# soak: 50
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
script a reply "hi" first 3
start
storm 16 600 POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect ledger storm
start
expect ledger storm
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
kill
start
stop
expect ledger count 0 outcome failed
