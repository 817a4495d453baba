# The key in HEARTH_KEY works as the key `default`, beside those of the file, and no upstream sees it.
elsewhere
upstream a openai key: passthrough
upstream b openai
config <<X
loops: 1
jobs:
  bulk: { chain: [a/m, b/m] }
X
env HEARTH_KEY sk-house-0123456789
cli keys add web
keep web cli
start
client POST /v1/chat/completions elsewhere -H "authorization: Bearer sk-house-0123456789" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect ledger last key default
expect seen a requests 0
client GET /v1/models elsewhere -H "x-hearth-key: $web"
expect status 200
client GET /v1/models elsewhere
expect status 401
cli keys revoke default
expect cli status 1
expect cli contains "HEARTH_KEY"
expect files-lack "sk-house-0123456789"
