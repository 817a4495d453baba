# A client that leaves (rst) before the upstream's head cancels it within a second.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
script a hang
start
client c1 POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
expect seen a requests 1 open 1
abort c1 rst
expect aborted a within 1000
expect ledger last outcome left attempts 1
expect running
