# Ollama's clients load a model before they ask it, and give it up: that is answered here, and no upstream hears of it.
upstream a openai
config <<X
loops: 1
jobs:
  bulk: { chain: [a/m] }
X
script a reply "from a"
start
client POST /api/generate <<X
{"model":"bulk","prompt":""}
X
expect status 200
expect json .done_reason "load"
expect json .response ""
client POST /api/generate <<X
{"model":"bulk","system":"be brief"}
X
expect json .done_reason "load"
client POST /api/chat <<X
{"model":"bulk","messages":[],"keep_alive":0}
X
expect json .done_reason "unload"
expect json .message.role "assistant"
expect header x-hearth-cost-usd 0
expect ledger count 3 outcome done attempts 0
expect seen a requests 0
client POST /api/chat <<X
{"model":"no-such","messages":[]}
X
expect status 404
expect json .error contains "no-such"
client POST /api/chat <<X
{"model":"bulk:latest","messages":[{"role":"user","content":"hello"}],"stream":false}
X
expect content "from a"
