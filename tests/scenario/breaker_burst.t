# Calls that were under way when the breaker opened do not make its rest longer: a burst of failures counts as one opening.
upstream a openai
config <<X
loops: 1
jobs:
  bulk: { chain: [a/m] }
X
script a first 300 status 429 body "{\"error\":{\"message\":\"slow down\"}}"
start
burst 12 POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect burst 12 status 429
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect header retry-after under 4
