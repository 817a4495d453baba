# Without content after hedge_after the next candidate is asked as well; the first content wins, and the other is cancelled and booked.
upstream a openai
upstream b openai
config <<X
jobs:
  hard: { chain: [{ try: a/m, hedge_after: 300ms }, b/m] }
prices:
  a/m: { input: 1000, output: 2000 }
  b/m: { input: 3, output: 6 }
X
script a reply "from a" first 9000
script b reply "from b" usage 100 10
start
client POST /v1/chat/completions <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
expect took under 2000
expect header x-hearth-attempts 2
expect header x-hearth-target b/m
expect header x-hearth-overhead-us under 100000
expect header x-hearth-cost-usd like "0.0*"
expect seen a aborted 1
expect seen a open 0
expect ledger last outcome done attempts 2 target b/m estimated true cost_nusd 1360000..99999999 output 10
client POST /v1/chat/completions <<X
{"model":"hard","stream":true,"messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
expect sse-done
expect took under 2000
expect header x-hearth-attempts 2
expect header x-hearth-target b/m
expect seen a aborted 2
expect seen b completed 2
expect ledger last outcome done attempts 2 target b/m estimated true cost_nusd 1360000..99999999
expect log lacks "rests"
