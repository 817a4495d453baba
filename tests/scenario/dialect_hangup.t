# A client that leaves a translated stream cancels its upstream within a second, and what came until then is booked.
each face path ask <<X
anthropic | /v1/chat/completions | {"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
openai | /v1/messages | {"model":"bulk","max_tokens":900,"messages":[{"role":"user","content":"hello"}],"stream":true}
ollama | /v1/responses | {"model":"bulk","input":"hello","stream":true}
anthropic | /api/chat | {"model":"bulk","messages":[{"role":"user","content":"hello"}]}
ollama | /v1/messages | {"model":"bulk","max_tokens":900,"messages":[{"role":"user","content":"hello"}],"stream":true}
X
upstream a $face dialect: $face
config <<X
loops: 1
jobs:
  bulk: { chain: [a/m] }
X
script a tokens 1000 every 20
start
client c1 POST $path <<X &
$ask
X
read c1 until "brown"
abort c1 fin
expect aborted a within 1000
expect seen a open 0
expect ledger last outcome left attempts 1 input 1..400 output 1..400
client c2 POST $path <<X &
$ask
X
read c2 until "brown"
abort c2 rst
expect aborted a within 1000
expect ledger last outcome left attempts 1
