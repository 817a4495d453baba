# An absurd retry-after of an upstream does not reach the client.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
script a status 500 header retry-after 99999999999
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 502
expect header retry-after not "99999999999"
