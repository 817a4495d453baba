# While the first content is awaited each client gets the signs of life its dialect has, and failover goes on.
each face <<X
anthropic
openai
ollama
X
upstream a $face dialect: $face, timeout: { first_byte: 1500ms }
upstream b openai
config <<X
loops: 1
head_after: 200ms
jobs:
  bulk: { chain: [a/m, b/m] }
X
script a hang
script b reply "from b"
start
client c1 POST /v1/messages <<X &
{"model":"bulk","max_tokens":100,"messages":[{"role":"user","content":"hello"}],"stream":true}
X
read c1 until "event: ping"
client c2 POST /v1/responses <<X &
{"model":"bulk","input":"hello","stream":true}
X
read c2 until ": keep-alive"
client c3 POST /api/chat <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
wait c1
expect status 200
expect header x-hearth-target pending
expect content "from b"
expect body contains "event: message_start" "event: message_stop"
wait c2
expect header x-hearth-target pending
expect content "from b"
expect body contains "event: response.completed"
wait c3
expect header x-hearth-target pending
expect header content-type contains "application/x-ndjson"
expect content "from b"
expect body lacks "\n\n" ": keep-alive"
expect ledger count 3 outcome done attempts 2
