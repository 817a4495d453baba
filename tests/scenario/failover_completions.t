# The legacy completions endpoint fails over as well, whole and streamed.
upstream a openai
upstream b openai
config <<X
jobs:
  bulk: { chain: [a/m, b/m] }
X
script a status 500
script b reply "from b"
start
client POST /v1/completions <<X
{"model":"bulk","prompt":"hello"}
X
expect status 200
expect content "from b"
client POST /v1/completions <<X
{"model":"bulk","prompt":"hello","stream":true}
X
expect content "from b"
expect sse-done
