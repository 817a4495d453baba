# A stop under a thousand open streams cuts none of them.
# slow
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
script a tokens 40 every 100
start
crowd 1000 POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
signal TERM
expect crowd 1000 whole
ended within 5000
expect ledger count 1000 outcome done
