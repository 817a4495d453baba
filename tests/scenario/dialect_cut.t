# After the first content nothing is replayed: each client reads in its own dialect where the stream stopped.
each face <<X
openai
anthropic
ollama
X
upstream a $face dialect: $face
upstream b openai
config <<X
loops: 1
jobs:
  bulk: { chain: [a/m, b/m] }
X
script a tokens 30 drop 6
script b reply "from b"
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
expect content contains "quick"
expect sse-error contains "a/m stopped after about" "not repeated elsewhere"
expect ledger last outcome cut attempts 1
client POST /v1/messages <<X
{"model":"bulk","max_tokens":100,"messages":[{"role":"user","content":"hello"}],"stream":true}
X
expect content contains "quick"
expect body contains "event: error" "a/m stopped after about"
expect body lacks "message_stop"
expect ledger last outcome cut attempts 1
client POST /v1/responses <<X
{"model":"bulk","input":"hello","stream":true}
X
expect content contains "quick"
expect body contains "event: error" "event: response.failed" "a/m stopped after about"
expect body lacks "response.completed"
expect ledger last outcome cut attempts 1
client POST /api/chat <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect body like "*{\"error\":\"the answer of a/m stopped after about*"
expect body lacks "\"done\":true"
expect ledger last outcome cut attempts 1
client POST /api/generate <<X
{"model":"bulk","prompt":"hello"}
X
expect body like "*{\"error\":\"the answer of a/m stopped after about*"
expect ledger last outcome cut attempts 1
expect seen b requests 0
