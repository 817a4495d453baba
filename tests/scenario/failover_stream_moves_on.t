# A stream that ends without content or without an end moves the call to the next step, unseen.
each script <<X
empty
no-choices
reply cut 1
X
upstream a openai
upstream b openai
config <<X
jobs:
  bulk: { chain: [a/m, b/m] }
X
script a $script
script b reply "from b"
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
expect status 200
expect content "from b"
expect header x-hearth-target b/m
expect header x-hearth-attempts 2
expect seen b requests 1
expect ledger last outcome done attempts 2 target b/m
expect seen a requests 1
expect sse-done
