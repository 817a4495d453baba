# When the first content takes long, the head goes out as pending with comments, and failover is still allowed.
upstream a openai timeout: { first_byte: 1500ms }
upstream b openai
config <<X
head_after: 300ms
jobs:
  bulk: { chain: [a/m, b/m] }
X
script a hang
script b reply "from b"
start
client c1 POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
read c1 until ": keep-alive"
wait c1
expect status 200
expect header x-hearth-target pending
expect content "from b"
expect sse-done
expect ledger last outcome done attempts 2 target b/m
