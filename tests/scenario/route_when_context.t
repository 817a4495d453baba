# A step with max_context is for calls that fit; longer ones take the next step.
upstream a openai
upstream b openai
config <<X
jobs:
  bulk: { chain: [{ try: a/m, when: { max_context: 1k } }, b/m] }
X
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect header x-hearth-target a/m
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"{{the quick brown fox *1000}}"}]}
X
expect status 200
expect header x-hearth-target b/m
expect header x-hearth-attempts 1
