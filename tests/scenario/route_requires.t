# A job whose requirement does not answer 2xx fails with 503 and says why; there is no fallback from it.
upstream a openai
upstream r openai
config <<X
jobs:
  archive: { chain: [a/m], requires: "http://127.0.0.1:$r/health" }
X
script r status 500
start
client POST /v1/chat/completions <<X
{"model":"archive","messages":[{"role":"user","content":"hello"}]}
X
expect status 503
expect json .error.message contains "archive" "requires" "500"
expect seen a connections 0
script r reply
client-until 200 5000 POST /v1/chat/completions <<X
{"model":"archive","messages":[{"role":"user","content":"hello"}]}
X
expect header x-hearth-target a/m
