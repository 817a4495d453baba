# A client that left while one upstream failed does not cause a second attempt.
upstream a openai
upstream b openai
config <<X
jobs:
  bulk: { chain: [a/m, b/m] }
X
script a hang
start
client c1 POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
expect seen a requests 1
abort c1 rst
expect aborted a within 1000
expect ledger last outcome left attempts 1
expect seen b connections 0
