# a client of chat completions cannot hold the sealed thinking of a Responses upstream; it goes back before its call all the same
upstream a openai vendor: openai, dialect: responses
config <<X
jobs:
  chat: { chain: [ { try: a/gpt-6-luna } ] }
X
start
script a reasoning "hm" tool get "{\"city\":\"Oslo\"}"; reply "dry"
client POST /v1/chat/completions <<X
{"model":"chat","stream":true,"tools":[{"type":"function","function":{"name":"get"}}],"messages":[{"role":"user","content":"Weather?"}]}
X
expect status 200
expect request a json .include[0] "reasoning.encrypted_content"
client POST /v1/chat/completions <<X
{"model":"chat","tools":[{"type":"function","function":{"name":"get"}}],"messages":[{"role":"user","content":"Weather?"},{"role":"assistant","content":null,"tool_calls":[{"id":"call_simulated1","type":"function","function":{"name":"get","arguments":"{\"city\": \"Oslo\"}"}}]},{"role":"tool","tool_call_id":"call_simulated1","content":"rain"}]}
X
expect status 200
expect request a json .input[1].type "reasoning"
expect request a json .input[1].encrypted_content "sealed_simulated"
expect request a json .input[2].type "function_call"
