# Rotating gives a new key for what the old one may do; the old one ends.
upstream a openai
config <<X
loops: 1
jobs:
  bulk: { chain: [a/m] }
  other: { chain: [a/n] }
X
start
cli keys add web --jobs bulk --tags t
keep old cli
cli keys rotate web
expect cli status 0
keep new cli
client-until 200 2000 POST /v1/chat/completions -H "x-hearth-key: $new" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect ledger last key web tags "[\"t\"]"
client GET /v1/models -H "x-hearth-key: $old"
expect status 401
client POST /v1/chat/completions -H "x-hearth-key: $new" <<X
{"model":"other","messages":[{"role":"user","content":"hello"}]}
X
expect status 403
