# When all fail after a pending head, the error comes inside the stream.
upstream a openai timeout: { first_byte: 700ms }
config <<X
head_after: 200ms
jobs:
  bulk: { chain: [a/m] }
X
script a hang
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
expect status 200
expect header x-hearth-target pending
expect sse-error contains "a/m"
expect ledger last outcome failed attempts 1
