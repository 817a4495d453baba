# A requirement that cannot be reached fails the call as well, and the ledger has it.
upstream a openai
upstream r openai
config <<X
jobs:
  archive: { chain: [a/m], requires: "http://127.0.0.1:$r/health" }
X
down r
start
client POST /v1/chat/completions <<X
{"model":"archive","messages":[{"role":"user","content":"hello"}]}
X
expect status 503
expect json .error.message contains "requires"
expect seen a connections 0
expect ledger last outcome failed attempts 0
