# A tool call counts as content.
upstream a openai
upstream b openai
config <<X
jobs:
  bulk: { chain: [a/m, b/m] }
X
script a tool get_weather "{\"city\":\"Oslo\"}" drop 3
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true,"tools":[{"type":"function","function":{"name":"get_weather"}}]}
X
expect body contains "get_weather"
expect sse-error any
expect seen b connections 0
