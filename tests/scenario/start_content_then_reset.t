# After the first content nothing is replayed: the stream ends with an error event that says where it stopped.
upstream a openai
upstream b openai
config <<X
jobs:
  bulk: { chain: [a/m, b/m] }
X
script a tokens 5 every 30 bytes 10 drop 4
script b reply "from b"
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
expect status 200
expect header x-hearth-target a/m
expect sse-error contains "a/m" "stopped"
expect body lacks "[DONE]" "from b"
expect seen b connections 0
expect ledger last outcome cut attempts 1 target a/m
