# A whole answer larger than what is held goes through complete.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
script a tokens 300 bytes 10000 usage 7 300
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect complete
expect json .choices[0].message.content longer 2999999
expect json .usage.completion_tokens 300
expect ledger last outcome done input 7 output 300
