# A call too long for one model goes to a target with a larger context; one of the same size is not asked.
upstream small groq vendor: groq
upstream same groq vendor: groq
upstream large deepseek vendor: deepseek
config <<X
jobs:
  bulk: { chain: [small/openai/gpt-oss-120b, same/openai/gpt-oss-120b, large/deepseek-flash] }
X
script small status 400 fault context
script large reply "it fits"
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect content "it fits"
expect header x-hearth-target large/deepseek-flash
expect header x-hearth-attempts 2
expect seen small requests 1
expect seen same requests 0
