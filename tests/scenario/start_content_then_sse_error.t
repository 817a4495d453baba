# An error event after content ends the client's stream with one error of ours; there is no second start.
upstream a openai
upstream b openai
config <<X
jobs:
  bulk: { chain: [a/m, b/m] }
X
script a tokens 5 bytes 10 sse-error 3 "boom"
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
expect sse-error contains "a/m"
expect body lacks "[DONE]"
expect seen b connections 0
expect ledger last outcome cut attempts 1
