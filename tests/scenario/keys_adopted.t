# An adopted key needs no change of its client, and no upstream ever sees it: not a passthrough one, not after it was revoked.
elsewhere
upstream a openai key: passthrough
upstream b openai
upstream c anthropic dialect: anthropic, key: passthrough
config <<X
loops: 1
jobs:
  bulk: { chain: [a/m, b/m] }
  talk: { chain: [c/m] }
X
env OLD sk-litellm-0123456789abcdef
script b reply "from b"
cli keys add lite --from env:OLD
expect cli status 0
expect cli lacks "sk-litellm"
expect cli contains "no change"
start
expect files-lack "sk-litellm-0123456789abcdef"
client POST /v1/chat/completions elsewhere -H "authorization: Bearer sk-litellm-0123456789abcdef" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect content "from b"
expect ledger last key lite
client POST /v1/chat/completions -H "authorization: Bearer sk-litellm-0123456789abcdef" -H "x-api-key: sk-litellm-0123456789abcdef" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
client POST /v1/chat/completions -H "x-hearth-key: sk-litellm-0123456789abcdef" -H "authorization: Bearer sk-vendor" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect request a header authorization "Bearer sk-vendor"
expect request a head lacks "litellm"
forget a
client POST /v1/messages -H "x-api-key: sk-litellm-0123456789abcdef" -H "authorization: Bearer sk-vendor" -H "anthropic-version: 2023-06-01" <<X
{"model":"talk","max_tokens":100,"messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect request c header authorization "Bearer sk-vendor"
expect request c head lacks "litellm"
cli keys add again --from env:OLD
expect cli status 1
expect cli contains "`lite`"
cli keys revoke lite
client-until 401 2000 POST /v1/chat/completions -H "authorization: Bearer sk-litellm-0123456789abcdef" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect json .error.message contains "revoked"
expect seen a requests 0
stop
start
client POST /v1/chat/completions -H "authorization: Bearer sk-litellm-0123456789abcdef" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 401
cli keys add back --from env:OLD
expect cli status 0
client-until 200 2000 POST /v1/chat/completions elsewhere -H "authorization: Bearer sk-litellm-0123456789abcdef" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect ledger last key back
expect seen a requests 0
