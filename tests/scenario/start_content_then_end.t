# A stream that ends after content with neither finish reason nor [DONE] is told as broken.
upstream a openai
upstream b openai
config <<X
jobs:
  bulk: { chain: [a/m, b/m] }
X
script a tokens 5 bytes 10 cut 3
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
expect sse-error contains "a/m"
expect body lacks "[DONE]"
expect seen b connections 0
expect ledger last outcome cut
