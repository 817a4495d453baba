# retry-after is that of the soonest recovery: a target that failed without having to rest is worth a try at once.
upstream a openai
upstream b openai
config <<X
jobs:
  bulk: { chain: [a/m, b/m] }
  solo: { chain: [b/m] }
X
script a status 401
script b status 500
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 502
expect header retry-after 1
expect header x-should-retry false
down b
client POST /v1/chat/completions <<X
{"model":"solo","messages":[{"role":"user","content":"hello"}]}
X
expect status 503
expect header retry-after 1
