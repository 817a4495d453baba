# What is particular to openrouter passes, and its usage is found where it puts it.
upstream a openrouter
config <<X
jobs:
  bulk: { chain: [a/m] }
X
script a reply "hi there" usage 11 5 cached 4
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
expect sse-done
expect content "hi there"
expect body contains "\"provider\":\"Simulated"
expect ledger last outcome done input 11 cached 4 output 5 estimated false
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect ledger last outcome done input 11 cached 4 output 5 estimated false
