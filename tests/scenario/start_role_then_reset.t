# A stream that breaks after its role, before any content, continues elsewhere and the client sees one clean stream.
upstream a openai
upstream b openai
config <<X
jobs:
  bulk: { chain: [a/m, b/m] }
X
script a reply "never seen" drop 1
script b reply "from b"
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
expect status 200
expect content "from b"
expect sse-done
expect header x-hearth-target b/m
expect body lacks "never seen" "error"
expect seen a requests 1
expect seen b requests 1
expect ledger last outcome done attempts 2
