# One client's typing error in a model name is a 404 for it, and takes no other unlisted model of that upstream from anybody.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
script a fault model; reply "fine"
start
client POST /v1/chat/completions <<X
{"model":"a/typo","messages":[{"role":"user","content":"hello"}]}
X
expect status 404
client POST /v1/chat/completions <<X
{"model":"a/other","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect content "fine"
