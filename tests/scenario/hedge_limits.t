# A hedge keeps to hops, budget and places: where one of them is in the way, the call is not hedged and nothing is lost.
upstream a openai
upstream b openai budget: { month: 0.000001 USD }
upstream c openai concurrent: 1
config <<X
limits: { hops: 2 }
jobs:
  spent: { chain: [{ try: a/m, hedge_after: 150ms }, b/m] }
  full: { chain: [{ try: a/m, hedge_after: 150ms }, c/m] }
  hops: { chain: [a/broken, { try: a/m, hedge_after: 150ms }, c/m] }
prices:
  b/m: { input: 1000, output: 1000 }
X
script a reply "from a" first 600
script b reply "from b"
script c reply "from c" first 2500
start
client POST /v1/chat/completions <<X
{"model":"spent","messages":[{"role":"user","content":"hello"}]}
X
expect content "from a"
expect header x-hearth-attempts 1
client c1 POST /v1/chat/completions <<X &
{"model":"c/m","messages":[{"role":"user","content":"hello"}]}
X
expect seen c requests 1
client POST /v1/chat/completions <<X
{"model":"full","messages":[{"role":"user","content":"hello"}]}
X
expect content "from a"
expect header x-hearth-attempts 1
wait c1
script a status 500; reply "from a" first 600
client POST /v1/chat/completions <<X
{"model":"hops","messages":[{"role":"user","content":"hello"}]}
X
expect content "from a"
expect header x-hearth-attempts 2
expect seen b requests 0
expect seen c requests 1
