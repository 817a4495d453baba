# On this machine no key is needed, but a wrong one that is shown is refused, wherever it stands.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
start
client GET /v1/models
expect status 200
client GET /v1/models -H "authorization: Bearer hearth_wrong"
expect status 401
client GET /v1/models -H "x-api-key: hearth_wrong"
expect status 401
client GET /v1/models -H "authorization: Bearer ollama" -H "api-key: hearth_wrong"
expect status 401
client GET /v1/models -H "authorization: Bearer sk-vendor" -H "x-goog-api-key: hearth_wrong"
expect status 401
client GET /v1/models -H "x-hearth-key: anything"
expect status 401
client POST /v1/chat/completions -H "authorization: Bearer hearth_wrong" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 401
expect json .error.code "invalid_api_key"
client GET /v1/models -H "authorization: Bearer sk-my-own"
expect status 200
expect seen a requests 0
