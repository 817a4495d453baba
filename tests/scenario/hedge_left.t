# A client that hangs up cancels both of two attempts within a second.
upstream a openai
upstream b openai
config <<X
jobs:
  hard: { chain: [{ try: a/m, hedge_after: 150ms }, b/m] }
X
script a hang
script b hang
start
client c1 POST /v1/chat/completions <<X &
{"model":"hard","stream":true,"messages":[{"role":"user","content":"hello"}]}
X
expect seen a requests 1
expect seen b requests 1
abort c1 rst
expect aborted a within 1000
expect aborted b within 1000
expect ledger last outcome left attempts 2 estimated true
