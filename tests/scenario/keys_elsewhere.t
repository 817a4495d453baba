# Callers from other machines need a key: none, a placeholder and a vendor's credential are 401; one from `keys add` is let in.
elsewhere
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
start
client GET /v1/models elsewhere
expect status 401
expect json .error.message contains "hearth keys add"
client POST /v1/chat/completions elsewhere <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 401
cli keys add web
keep web cli
client-until 200 2000 GET /v1/models elsewhere -H "x-hearth-key: $web"
client POST /v1/chat/completions elsewhere -H "authorization: Bearer $web" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
client POST /v1/chat/completions elsewhere -H "x-api-key: $web" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
client GET /v1/models elsewhere -H "authorization: Bearer EMPTY"
expect status 401
client GET /v1/models elsewhere -H "authorization: Bearer ollama"
expect status 401
client GET /v1/models elsewhere -H "authorization: Bearer sk-no-key-required"
expect status 401
client GET /v1/models elsewhere -H "authorization: Bearer sk-somebody-elses"
expect status 401
client GET /v1/models elsewhere -H "x-hearth-key: EMPTY"
expect status 401
client GET /v1/models elsewhere -H "authorization: Bearer hearth_0000000000000000000000000000000000000000000000000000000000000000"
expect status 401
client GET /hearth/v1/status elsewhere -H "authorization: Bearer $web"
expect status 401
client GET /healthz elsewhere
expect status 200
client GET /v1/models
expect status 200
