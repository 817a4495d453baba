# An upstream gets `rpm` calls a minute over all loops; the others take the next step, and without one a 429 that tells when.
upstream a openai rpm: 5
upstream b openai
config <<X
loops: 4
jobs:
  bulk: { chain: [a/m, b/m] }
  only: { chain: [a/m] }
X
script a reply "from a"
script b reply "from b"
start
burst 12 POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect burst 12 status 200
expect seen a requests 5
expect seen b requests 7
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
expect header x-hearth-attempts 1
client POST /v1/chat/completions <<X
{"model":"only","messages":[{"role":"user","content":"hello"}]}
X
expect status 429
expect header retry-after over 30
expect header x-should-retry "false"
expect json .error.code "rate_limit_exceeded"
expect body contains "a/m: not tried, its calls of this minute (rpm) are used up, back in "
expect took under 1000
# a target asked by name counts as well
client POST /v1/chat/completions <<X
{"model":"a/other","messages":[{"role":"user","content":"hello"}]}
X
expect status 429
expect seen a requests 5
expect ledger count 2 attempts 0
