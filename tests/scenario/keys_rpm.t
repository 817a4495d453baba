# A key has its calls a minute and no more, over all loops, and is refused quickly beyond; other keys are not touched.
upstream a openai
config <<X
loops: 4
jobs:
  bulk: { chain: [a/m] }
X
cli keys add few --rpm 5
keep few cli
cli keys add many
keep many cli
start
burst 20 POST /v1/chat/completions -H "x-hearth-key: $few" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect burst 5 status 200
expect burst 15 status 429
expect burst 15 body "key few"
client POST /v1/chat/completions -H "x-hearth-key: $few" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 429
expect header retry-after over 30
expect json .error.code "rate_limit_exceeded"
expect took under 1000
expect seen a requests 5
client GET /v1/models -H "x-hearth-key: $few"
expect status 200
client POST /v1/chat/completions -H "x-hearth-key: $many" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
cli keys add other
keep other cli
client-until 200 2000 GET /v1/models -H "x-hearth-key: $other"
client POST /v1/chat/completions -H "x-hearth-key: $few" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 429
expect ledger count 6
