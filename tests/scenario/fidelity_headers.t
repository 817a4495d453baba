# Every answer carries the headers of the contract, none of them empty.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect header x-hearth-call any
expect header x-hearth-job bulk
expect header x-hearth-target a/m
expect header x-hearth-attempts 1
expect header x-hearth-regime credit
expect header x-hearth-boundary any
expect header x-hearth-overhead-us under 100000
expect header x-hearth-cost-usd unknown
expect header x-request-id any
client POST /v1/chat/completions <<X
{"model":"a/m","messages":[{"role":"user","content":"hello"}]}
X
expect header x-hearth-job -
expect header x-hearth-target a/m
client GET /v1/models
expect status 200
expect header x-hearth-call -
expect header x-hearth-target -
expect header x-hearth-attempts 0
expect body contains "\"bulk\"" "\"a/m\""
client GET /nowhere
expect status 404
expect header x-hearth-call -
expect json .error.message any
