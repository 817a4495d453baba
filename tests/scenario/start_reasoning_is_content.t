# Reasoning counts as content: once some of it went out, nothing is replayed.
upstream a deepseek
upstream b openai
config <<X
jobs:
  bulk: { chain: [a/m, b/m] }
X
script a reply "answer" reasoning "let me think about this for a while" drop 3
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
expect body contains "reasoning_content"
expect sse-error any
expect seen b connections 0
