# A bare model name that two upstreams have is a 400 that lists the candidates; a name that one has is found.
upstream a openai models: [shared, mine]
upstream b openai models: [shared]
config <<X
jobs:
  bulk: { chain: [a/m] }
X
start
client POST /v1/chat/completions <<X
{"model":"shared","messages":[{"role":"user","content":"hello"}]}
X
expect status 400
expect json .error.message contains "ambiguous" "a/shared" "b/shared"
expect seen a connections 0
client POST /v1/chat/completions <<X
{"model":"mine","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect header x-hearth-target a/mine
client POST /v1/chat/completions <<X
{"model":"nobodys","messages":[{"role":"user","content":"hello"}]}
X
expect status 404
expect json .error.code model_not_found
expect json .error.message contains "bulk"
