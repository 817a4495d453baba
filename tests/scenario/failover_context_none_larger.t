# When nobody has a larger context, the client reads the vendor's own words with their status.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
script a status 400 fault context
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 400
expect json .error.code context_length_exceeded
expect json .error.message contains "maximum context length"
expect header x-should-retry false
expect ledger last outcome failed attempts 1
