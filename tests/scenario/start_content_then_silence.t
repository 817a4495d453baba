# A stream that falls silent after content is ended with an error event when its idle time-out is over.
upstream a openai timeout: { idle: 300ms }
upstream b openai
config <<X
jobs:
  bulk: { chain: [a/m, b/m] }
X
script a tokens 5 every 60000
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
expect sse-error contains "a/m"
expect took under 3000
expect seen a aborted 1
expect seen b connections 0
expect ledger last outcome cut attempts 1
