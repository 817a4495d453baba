# When one of two fails the other goes on alone; only when both have failed the chain goes on.
upstream a openai
upstream b openai
upstream c openai
config <<X
jobs:
  hard: { chain: [{ try: a/m, hedge_after: 200ms }, b/m, c/m] }
X
script a status 500 first 500
script b reply "from b" first 1200
script c reply "from c"
start
client POST /v1/chat/completions <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
expect header x-hearth-attempts 2
expect seen c requests 0
script a reply "from a" first 700
script b status 500
client POST /v1/chat/completions <<X
{"model":"hard","stream":true,"messages":[{"role":"user","content":"hello"}]}
X
expect content "from a"
expect header x-hearth-attempts 2
expect seen c requests 0
script a status 500 first 400
client POST /v1/chat/completions <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect content "from c"
expect header x-hearth-attempts 3
expect ledger last outcome done attempts 3 target c/m
