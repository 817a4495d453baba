# A client that leaves while its answer is half there and held cancels the upstream within a second.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
script a head 60000 ping 20
start
client c1 POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect seen a requests 1
abort c1 fin
expect aborted a within 1000
expect ledger last outcome left attempts 1
expect running
