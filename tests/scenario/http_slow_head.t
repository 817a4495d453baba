# A client that sends its head drop by drop is told 408 and let go; others are served meanwhile.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
start
raw c1 <<X &
GET /v1/mod
X
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
wait c1
expect status 408
expect closed
expect took under 13000
