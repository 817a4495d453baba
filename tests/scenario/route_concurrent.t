# An upstream at its limit of calls under way is a reason to take the next step.
upstream a openai concurrent: 1, queue: { max: 0 }
upstream b openai
config <<X
jobs:
  bulk: { chain: [a/m, b/m] }
X
script a reply "from a" first 1500
script b reply "from b"
start
client c1 POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect seen a requests 1
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
expect header x-hearth-attempts 1
expect took under 1000
client POST /v1/chat/completions <<X
{"model":"a/m","messages":[{"role":"user","content":"hello"}]}
X
expect status 429
expect header retry-after any
expect json .error.message contains "concurrent"
wait c1
expect content "from a"
