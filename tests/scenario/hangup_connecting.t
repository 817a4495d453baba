# A client that leaves while its upstream is being connected to is booked as left at once.
upstream a hole
config <<X
jobs:
  bulk: { chain: [a/m] }
X
start
client c1 POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
expect ledger count 0
abort c1 rst
expect ledger last outcome left attempts 1
expect running
expect log lacks "panic"
stop
