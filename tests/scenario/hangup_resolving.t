# A client that leaves while a name is being resolved is booked as left at once; nobody waits for the name.
upstream a openai url: "http://slow.example:$a/v1"
config <<X
resolver: 127.0.0.1:$dns
jobs:
  bulk: { chain: [a/m] }
X
dns slow.example silent
start
client c1 POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
expect ledger count 0
abort c1 rst
expect ledger last outcome left attempts 1
expect running
