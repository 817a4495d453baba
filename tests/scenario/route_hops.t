# One call makes no more attempts than hops allow, and says so.
upstream a openai
config <<X
limits: { hops: 2 }
jobs:
  bulk: { chain: [a/m1, a/m2, a/m3] }
X
script a status 500
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 502
expect header x-hearth-attempts 2
expect json .error.message contains "no more than 2 attempts"
expect seen a requests 2
