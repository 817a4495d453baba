# A client that leaves before the upstream's head, by FIN or reset, cancels it within a second.
each how <<X
fin
rst
X
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
abort c1 $how
expect aborted a within 1000
expect ledger last outcome left attempts 1
expect running
