# Tools go to the Responses endpoint of models that take none at chat while they think; everything else stays at chat.
upstream a openai vendor: openai
config <<X
jobs:
  luna: { chain: [a/gpt-6-luna] }
  four: { chain: [a/gpt-5.4] }
  old: { chain: [a/gpt-4.1] }
  pro: { chain: [a/gpt-5-pro] }
  calm: { chain: [a/gpt-6-luna], defaults: { reasoning_effort: none } }
X
script a tool f "{}"
start
client POST /v1/chat/completions <<X
{"model":"luna","messages":[{"role":"user","content":"hello"}],"tools":[{"type":"function","function":{"name":"f"}}]}
X
expect status 200
expect json .choices[0].message.tool_calls[0].function.name "f"
expect json .choices[0].finish_reason "tool_calls"
expect request a head like "POST /v1/responses *"
client POST /v1/chat/completions <<X
{"model":"luna","messages":[{"role":"user","content":"hello"}],"tools":[{"type":"function","function":{"name":"f"}}],"stream":true}
X
expect sse-done
expect request a head like "POST /v1/responses *"
client POST /v1/messages <<X
{"model":"luna","max_tokens":9,"messages":[{"role":"user","content":"hello"}],"tools":[{"name":"f","input_schema":{"type":"object"}}]}
X
expect json .content[0].name "f"
expect request a head like "POST /v1/responses *"
client POST /v1/chat/completions <<X
{"model":"four","reasoning_effort":"low","messages":[{"role":"user","content":"hello"}],"tools":[{"type":"function","function":{"name":"f"}}]}
X
expect request a head like "POST /v1/responses *"
# by itself it does not think
client POST /v1/chat/completions <<X
{"model":"four","messages":[{"role":"user","content":"hello"}],"tools":[{"type":"function","function":{"name":"f"}}]}
X
expect request a head like "POST /v1/chat/completions *"
client POST /v1/chat/completions <<X
{"model":"luna","reasoning_effort":"none","messages":[{"role":"user","content":"hello"}],"tools":[{"type":"function","function":{"name":"f"}}]}
X
expect request a head like "POST /v1/chat/completions *"
client POST /v1/chat/completions <<X
{"model":"calm","messages":[{"role":"user","content":"hello"}],"tools":[{"type":"function","function":{"name":"f"}}]}
X
expect request a head like "POST /v1/chat/completions *"
client POST /v1/chat/completions <<X
{"model":"old","messages":[{"role":"user","content":"hello"}],"tools":[{"type":"function","function":{"name":"f"}}]}
X
expect request a head like "POST /v1/chat/completions *"
script a reply "of some thought"
client POST /v1/chat/completions <<X
{"model":"luna","messages":[{"role":"user","content":"hello"}]}
X
expect request a head like "POST /v1/chat/completions *"
client POST /v1/chat/completions <<X
{"model":"pro","messages":[{"role":"user","content":"hello"}]}
X
expect content "of some thought"
expect request a head like "POST /v1/responses *"
