# A step with tags is for calls that carry all of them.
upstream a openai
upstream b openai
config <<X
jobs:
  bulk: { chain: [{ try: a/m, when: { tags: [urgent, paid] } }, b/m] }
X
start
client POST /v1/chat/completions -H "x-hearth-tags: paid,urgent,x" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect header x-hearth-target a/m
client POST /v1/chat/completions -H "x-hearth-tags: urgent" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect header x-hearth-target b/m
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect header x-hearth-target b/m
