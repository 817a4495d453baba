# A stream whose first content event is larger than what is held back is an answer like any other.
upstream a openai
upstream b openai
config <<X
jobs:
  bulk: { chain: [a/m, b/m] }
X
script a tokens 2 bytes 100000
script b reply "from b"
start
client POST /v1/chat/completions <<X
{"model":"bulk","stream":true,"messages":[{"role":"user","content":"hello"}]}
X
expect header x-hearth-target a/m
expect sse-done
expect seen b requests 0
