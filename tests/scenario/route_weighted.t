# Weights of 3 to 1 are kept over many calls, and a weighted step falls over to its other member.
upstream a openai
upstream b openai
config <<X
jobs:
  bulk: { chain: [[{ target: a/m, weight: 3 }, { target: b/m, weight: 1 }]], balance: weighted }
X
start
burst 200 POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect burst 200 status 200
expect burst 120..178 header x-hearth-target a/m
expect burst 22..80 header x-hearth-target b/m
down a
burst 4 POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect burst 4 header x-hearth-target b/m
