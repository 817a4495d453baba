# the signature of a call goes back to its vendor, though the client drops it; a call of another model gets the documented dummy
upstream a gemini vendor: gemini, dialect: openai
config <<X
jobs:
  chat: { chain: [ { try: a/gemini-3-flash } ] }
X
start
script a tool get "{\"city\":\"Oslo\"}"; reply "dry"
client POST /v1/messages <<X
{"model":"chat","max_tokens":100,"stream":true,"tools":[{"name":"get","input_schema":{"type":"object"}}],"messages":[{"role":"user","content":"Weather?"}]}
X
expect status 200
expect body contains "\"partial_json\":\"{\\\"city\\\":\\\"Oslo\\\"}\""
client POST /v1/messages <<X
{"model":"chat","max_tokens":100,"tools":[{"name":"get","input_schema":{"type":"object"}}],"messages":[{"role":"user","content":"Weather?"},{"role":"assistant","content":[{"type":"tool_use","id":"call_simulated1","name":"get","input":{"city":"Oslo"}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"call_simulated1","content":"rain"}]}]}
X
expect status 200
expect request a json .messages[1].tool_calls[0].extra_content.google.thought_signature like "sig_*"
# a stream that passes has its calls numbered, since clients refuse those that are not
script a tool get "{\"city\":\"Oslo\"}"; reply "dry"
client POST /v1/chat/completions <<X
{"model":"chat","stream":true,"tools":[{"type":"function","function":{"name":"get"}}],"messages":[{"role":"user","content":"Weather?"}]}
X
expect status 200
expect body contains "\"tool_calls\":[{\"index\":0,\"id\":\"call_simulated1\"" "thought_signature"
expect sse-done
# the same of a client whose bytes pass
client POST /v1/chat/completions <<X
{"model":"chat","messages":[{"role":"user","content":"Weather?"},{"role":"assistant","content":null,"tool_calls":[{"id":"call_simulated1","type":"function","function":{"name":"get","arguments":"{\"city\":\"Oslo\"}"}},{"id":"x","type":"function","function":{"name":"get","arguments":"{}"}}]},{"role":"tool","tool_call_id":"call_simulated1","content":"rain"},{"role":"tool","tool_call_id":"x","content":"rain"}]}
X
expect status 200
expect request a json .messages[1].tool_calls[0].extra_content.google.thought_signature like "sig_*"
expect request a json .messages[1].tool_calls[1].extra_content absent
client POST /v1/chat/completions <<X
{"model":"chat","messages":[{"role":"user","content":"Weather?"},{"role":"assistant","content":null,"tool_calls":[{"id":"x","type":"function","function":{"name":"get","arguments":"{}"}}]},{"role":"tool","tool_call_id":"x","content":"rain"}]}
X
expect status 200
expect request a json .messages[1].tool_calls[0].extra_content.google.thought_signature "skip_thought_signature_validator"
