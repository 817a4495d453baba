# A call left while its home server is asked what it forwards is an attempt in the books, too.
upstream a hole place: home
config <<X
jobs:
  bulk: { chain: [a/m], boundary: home }
X
start
client c1 POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
expect ledger count 0
abort c1 rst
expect ledger last outcome left attempts 1 target a/m
expect running
expect log lacks "panic"
stop
