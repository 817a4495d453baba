# Where limits are all there is, clients are told of a limit, while the target rests too: their libraries then wait, as they should.
upstream a openai
upstream b openai
config <<X
jobs:
  bulk: { chain: [a/m] }
  both: { chain: [a/m, b/m] }
X
script a status 429 header retry-after 30
down b
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 429
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 429
expect header retry-after over 20
expect json .error.message contains "cooling"
expect seen a requests 1
# beside trouble it is trouble
client POST /v1/chat/completions <<X
{"model":"both","messages":[{"role":"user","content":"hello"}]}
X
expect status 503
