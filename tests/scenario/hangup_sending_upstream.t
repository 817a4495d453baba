# A client that leaves while its large request is still on the way to a slow upstream is booked as left.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
script a slow-read
start
client c1 POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"{{0123456789abcdef*500000}}"}]}
X
expect seen a requests 1
abort c1 rst
expect ledger last outcome left attempts 1
expect running
