# least_busy sends the next call to the member with fewer calls under way.
upstream a openai
upstream b openai
config <<X
jobs:
  bulk: { chain: [[a/m, b/m]], balance: least_busy }
X
script a reply "x" first 1500
script b reply "x" first 1500
start
burst 8 POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect burst 8 status 200
expect burst 4 header x-hearth-target a/m
expect burst 4 header x-hearth-target b/m
