# Once content has come nobody else is asked, however slowly it goes on.
upstream a openai
upstream b openai
config <<X
jobs:
  hard: { chain: [{ try: a/m, hedge_after: 150ms }, b/m] }
X
script a tokens 6 every 200
start
client POST /v1/chat/completions <<X
{"model":"hard","stream":true,"messages":[{"role":"user","content":"hello"}]}
X
expect sse-done
expect header x-hearth-attempts 1
expect header x-hearth-target a/m
expect seen b requests 0
expect ledger last outcome done attempts 1
