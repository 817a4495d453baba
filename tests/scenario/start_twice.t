# A second process on the same data folder is refused and says who holds it.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
start
cli serve
expect cli status 1
expect running
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
