# The one that was asked first may still win; then the hedge is the one that is cancelled and booked.
upstream a openai
upstream b openai
config <<X
jobs:
  hard: { chain: [{ try: a/m, hedge_after: 200ms }, b/m] }
X
script a reply "from a" first 900
script b reply "from b" first 9000
start
client POST /v1/chat/completions <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect content "from a"
expect header x-hearth-attempts 2
expect header x-hearth-target a/m
expect seen b requests 1
expect seen b aborted 1
expect ledger last outcome done attempts 2 target a/m estimated true
script a reply "quick"
client POST /v1/chat/completions <<X
{"model":"hard","stream":true,"messages":[{"role":"user","content":"hello"}]}
X
expect content "quick"
expect header x-hearth-attempts 1
expect seen b requests 1
