# A hedge goes nowhere that the call may not go: a call that must stay at home is hedged at home or not at all.
upstream a openai place: home
upstream b openai
upstream c openai place: home
config <<X
jobs:
  hard: { chain: [{ try: a/m, hedge_after: 200ms }, b/m] }
  both: { chain: [{ try: a/m, hedge_after: 200ms }, b/m, c/m] }
X
script a reply "from a" first 1200
script b reply "from b"
script c reply "from c"
start
client POST /v1/chat/completions -H "x-hearth-boundary: home" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect content "from a"
expect header x-hearth-attempts 1
client POST /v1/chat/completions -H "x-hearth-boundary: home" <<X
{"model":"both","messages":[{"role":"user","content":"hello"}]}
X
expect content "from c"
expect header x-hearth-attempts 2
expect seen b requests 0
