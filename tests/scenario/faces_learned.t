# A chat endpoint that says "use /v1/responses" is believed: the same call goes there at once, the next ones go there first.
upstream a openai vendor: openai
config <<X
jobs:
  next: { chain: [a/gpt-9-nova] }
  pro: { chain: [a/o9-pro] }
X
start
script a status 400 body "{\"error\":{\"message\":\"Function tools with reasoning_effort are not supported for gpt-9-nova in /v1/chat/completions. Please use /v1/responses instead.\",\"type\":\"invalid_request_error\",\"param\":\"reasoning_effort\",\"code\":null}}" ; tool f "{}"
client POST /v1/chat/completions <<X
{"model":"next","messages":[{"role":"user","content":"hello"}],"tools":[{"type":"function","function":{"name":"f"}}]}
X
expect status 200
expect json .choices[0].message.tool_calls[0].function.name "f"
expect header x-hearth-attempts 2
expect request a head like "POST /v1/responses *"
client POST /v1/chat/completions <<X
{"model":"next","messages":[{"role":"user","content":"hello"}],"tools":[{"type":"function","function":{"name":"f"}}]}
X
expect header x-hearth-attempts 1
expect request a head like "POST /v1/responses *"
script a reply "without tools"
client POST /v1/chat/completions <<X
{"model":"next","messages":[{"role":"user","content":"hello"}]}
X
expect content "without tools"
expect request a head like "POST /v1/chat/completions *"
script a status 404 body "{\"error\":{\"message\":\"This model is only supported in v1/responses and not in v1/chat/completions.\",\"type\":\"invalid_request_error\",\"param\":\"model\",\"code\":null}}" ; reply "of a pro"
client POST /v1/chat/completions <<X
{"model":"pro","messages":[{"role":"user","content":"hello"}]}
X
expect content "of a pro"
expect header x-hearth-attempts 2
expect seen a requests 6
