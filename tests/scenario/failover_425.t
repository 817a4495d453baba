# 425 of an upstream is its own affair: the next step answers, and it is not blamed on the client.
upstream a openai
upstream b openai
config <<X
jobs:
  bulk: { chain: [a/m, b/m] }
  solo: { chain: [a/m] }
X
script a status 425 body "{\"error\":{\"message\":\"too early\",\"type\":\"x\",\"param\":null,\"code\":null}}"
script b reply "from b"
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect content "from b"
client POST /v1/chat/completions <<X
{"model":"solo","messages":[{"role":"user","content":"hello"}]}
X
expect status 503
expect json .error.message contains "too early (425)"
