# A name that does not resolve moves the call to the next step.
upstream a openai url: "http://nowhere.example:$a/v1"
upstream b openai
config <<X
resolver: 127.0.0.1:$dns
jobs:
  bulk: { chain: [a/m, b/m] }
X
script b reply "from b"
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect content "from b"
expect header x-hearth-target b/m
expect header x-hearth-attempts 2
expect seen b requests 1
expect ledger last outcome done attempts 2 target b/m
expect seen a connections 0
