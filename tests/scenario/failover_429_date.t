# A Retry-After that is an HTTP date is understood: the target rests until then, and the client is told.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
script a status 429 header retry-after "$in40s"; reply "from a"
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 429
expect header retry-after over 35
expect header retry-after under 42
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 429
expect header retry-after over 35
expect seen a requests 1
