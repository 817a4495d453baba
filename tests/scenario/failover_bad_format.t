# A whole answer that breaks the response_format it was asked for is a failed attempt.
upstream a openai
upstream b openai
config <<X
jobs:
  bulk: { chain: [a/m, b/m] }
X
script a reply "Sure! Here it is: {"
script b reply "{\"from\": \"b\"}"
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"response_format":{"type":"json_object"}}
X
expect status 200
expect content "{\"from\": \"b\"}"
expect header x-hearth-target b/m
expect header x-hearth-attempts 2
expect seen b requests 1
expect ledger last outcome done attempts 2 target b/m
expect seen a requests 1
script a reply "[1, 2]"
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"array"}}}}
X
expect content "[1, 2]"
expect header x-hearth-target a/m
