# A client that leaves mid-stream, by FIN or reset, cancels its upstream within a second; what came until then is booked.
each how <<X
fin
rst
X
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
script a tokens 1000 every 20
start
client c1 POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
read c1 until "brown"
abort c1 $how
expect aborted a within 1000
expect seen a open 0
expect ledger last outcome left attempts 1 estimated true output 1..200
