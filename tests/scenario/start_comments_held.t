# Comments and the role are held until the first content; a failure before it leaves no trace of them.
upstream a openrouter
upstream b openai
config <<X
jobs:
  bulk: { chain: [a/m, b/m] }
X
script a head 200 ping 40 drop 1
script b reply "from b"
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
expect content "from b"
expect body lacks "OPENROUTER"
expect sse-done
expect ledger last outcome done attempts 2
