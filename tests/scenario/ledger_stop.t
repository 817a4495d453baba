# A stop ends calls in flight as cut or lets them finish; none is lost.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
script a tokens 10 every 30
start
client c1 POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
read c1 until "quick"
stop
expect ledger count 1
expect ledger count 0 outcome lost
