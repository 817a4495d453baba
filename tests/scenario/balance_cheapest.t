# cheapest goes by what this call would cost; what has no known price is asked last.
upstream a openai
upstream b openai
upstream c openai
config <<X
jobs:
  bulk: { chain: [{ try: [c/m, a/m, b/m], balance: cheapest }] }
prices:
  a/m: { input: 1, output: 10 }
  b/m: { input: 3, output: 3 }
X
start
client POST /v1/chat/completions <<X
{"model":"bulk","max_tokens":1000,"messages":[{"role":"user","content":"hello"}]}
X
expect header x-hearth-target b/m
client POST /v1/chat/completions <<X
{"model":"bulk","max_tokens":1,"messages":[{"role":"user","content":"{{a long question *200}}"}]}
X
expect header x-hearth-target a/m
script a status 500
script b status 500
client POST /v1/chat/completions <<X
{"model":"bulk","max_tokens":1000,"messages":[{"role":"user","content":"hello"}]}
X
expect header x-hearth-target c/m
expect header x-hearth-attempts 3
