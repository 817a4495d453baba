# When all fail there is one error that names each attempt and why, says when to come back, and forbids a blind retry.
upstream a openai
upstream b openai
upstream c openai
config <<X
jobs:
  bulk: { chain: [a/m, b/m, c/m] }
X
script a status 500
script b status 429 header retry-after 7
down c
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 503
expect header x-should-retry false
expect header retry-after over 0
expect header retry-after under 8
expect header x-hearth-attempts 3
expect header x-hearth-target -
expect json .error.message contains "bulk" "a/m" "server error" "b/m" "rate limited" "c/m" "could not connect"
expect json .error.type any
expect json .error.param null
expect ledger last call $call outcome failed attempts 3
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
expect status 503
expect header content-type contains "application/json"
expect json .error.message contains "cooling"
