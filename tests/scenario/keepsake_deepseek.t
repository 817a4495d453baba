# what a vendor had thought beside its calls of tools goes back to it, though the client drops it
upstream a deepseek vendor: deepseek, dialect: openai
config <<X
jobs:
  chat: { chain: [ { try: a/deepseek-flash } ] }
X
start
# streamed, and passed on as it comes
script a reasoning "I look it up." tool get "{\"city\":\"Oslo\",\"n\":1}"; reply "dry"
client POST /v1/chat/completions <<X
{"model":"chat","stream":true,"tools":[{"type":"function","function":{"name":"get"}}],"messages":[{"role":"user","content":"Weather?"}]}
X
expect status 200
expect sse-done
client POST /v1/chat/completions <<X
{"model":"chat", "messages":[{"role":"user","content":"Weather?"},{"role":"assistant","content":null,"tool_calls":[{"id":"call_simulated1","type":"function","function":{"name":"get","arguments":"{\"city\": \"Oslo\", \"n\": 1}"}}]},{"role":"tool","tool_call_id":"call_simulated1","content":"rain"}]}
X
expect status 200
expect content "dry"
expect request a json .messages[1].reasoning_content "I look it up."
expect request a json .messages[1].tool_calls[0].function.arguments "{\"city\": \"Oslo\", \"n\": 1}"
# another call of that name: nothing is known of it, and what stands for nothing is what the vendor takes
client POST /v1/chat/completions <<X
{"model":"chat","messages":[{"role":"user","content":"Weather?"},{"role":"assistant","content":"","tool_calls":[{"id":"call_simulated1","type":"function","function":{"name":"get","arguments":"{}"}}],"reasoning_content":null},{"role":"tool","tool_call_id":"call_simulated1","content":"rain"}]}
X
expect status 200
expect request a json .messages[1].reasoning_content ""
# what the client did hand back stays as it is, to the byte
client POST /v1/chat/completions <<X
{"model":"chat","messages":[{"role":"assistant", "reasoning_content":"mine","content":"","tool_calls":[{"id":"call_simulated1","type":"function","function":{"name":"get","arguments":"{\"city\":\"Oslo\",\"n\":1}"}}]},{"role":"tool","tool_call_id":"call_simulated1","content":"rain"}]}
X
expect status 200
expect request a body contains "[{\"role\":\"assistant\", \"reasoning_content\":\"mine\",\"content\":\"\",\"tool_calls\""
# a client that is told not to think hands nothing back
client POST /v1/chat/completions <<X
{"model":"chat","thinking":{"type":"disabled"},"messages":[{"role":"assistant","content":"","tool_calls":[{"id":"call_simulated1","type":"function","function":{"name":"get","arguments":"{\"city\":\"Oslo\",\"n\":1}"}}]},{"role":"tool","tool_call_id":"call_simulated1","content":"rain"}]}
X
expect status 200
expect request a body lacks "reasoning_content"
# a reload keeps it; a translated call finds it, too
reload
client POST /v1/responses <<X
{"model":"chat","input":[{"role":"user","content":"Weather?"},{"type":"function_call","call_id":"call_simulated1","name":"get","arguments":"{\"city\":\"Oslo\",\"n\":1}"},{"type":"function_call_output","call_id":"call_simulated1","output":"rain"}]}
X
expect status 200
expect request a json .messages[1].reasoning_content "I look it up."
# and it is in no file
stop
expect files-lack "look it up"
