# OpenRouter's reasoning_details go back beside the calls that they led to, unchanged and in order, though the client drops them
upstream a openrouter vendor: openrouter, dialect: openai
config <<X
jobs:
  chat: { chain: [ { try: a/x-ai/grok } ] }
X
start
# streamed, in pieces; what is sealed for another account than ours is kept like the rest
script a raw <<X
HTTP/1.1 200 OK
content-type: text/event-stream
connection: close

data: {"id":"g","model":"x","choices":[{"index":0,"delta":{"role":"assistant","content":"","reasoning":"I look","reasoning_details":[{"type":"reasoning.summary","summary":"I look","format":"openai-responses-v1","index":0}]},"finish_reason":null}]}

data: {"id":"g","model":"x","choices":[{"index":0,"delta":{"content":"","reasoning":" it up.","reasoning_details":[{"type":"reasoning.summary","summary":" it \"up\".","format":"openai-responses-v1","index":0}]},"finish_reason":null}]}

data: {"id":"g","model":"x","choices":[{"index":0,"delta":{"content":"","reasoning_details":[{"type":"reasoning.encrypted","data":"gAAA","id":"rs_9","format":"openai-responses-v1","index":1}]},"finish_reason":null}]}

data: {"id":"g","model":"x","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"get","arguments":"{\"city\":\"Oslo\"}"}}]},"finish_reason":null}]}

data: {"id":"g","model":"x","choices":[{"index":0,"delta":{"content":""},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":9,"completion_tokens":9}}

data: [DONE]

X
client POST /v1/chat/completions <<X
{"model":"chat","stream":true,"tools":[{"type":"function","function":{"name":"get"}}],"messages":[{"role":"user","content":"Weather?"}]}
X
expect status 200
expect sse-done
script a reply "dry"
client POST /v1/chat/completions <<X
{"model":"chat","messages":[{"role":"user","content":"Weather?"},{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"get","arguments":"{\"city\": \"Oslo\"}"}}]},{"role":"tool","tool_call_id":"call_1","content":"rain"}]}
X
expect content "dry"
expect request a body contains "{\"reasoning_details\":[{\"type\":\"reasoning.summary\",\"summary\":\"I look it \\\"up\\\".\",\"format\":\"openai-responses-v1\",\"index\":0},{\"type\":\"reasoning.encrypted\",\"data\":\"gAAA\",\"id\":\"rs_9\",\"format\":\"openai-responses-v1\",\"index\":1}],\"role\":\"assistant\",\"content\":null,\"tool_calls\""
# what the client hands back itself stays
client POST /v1/chat/completions <<X
{"model":"chat","messages":[{"role":"assistant","reasoning_details":[{"type":"reasoning.text","text":"mine"}],"tool_calls":[{"id":"call_1","type":"function","function":{"name":"get","arguments":"{\"city\":\"Oslo\"}"}}]},{"role":"tool","tool_call_id":"call_1","content":"rain"}]}
X
expect status 200
expect request a json .messages[0].reasoning_details[0].text "mine"
expect request a body lacks "gAAA"
# a client of another dialect, whose answer came whole
script a status 200 body "{\"id\":\"g\",\"model\":\"x\",\"choices\":[{\"index\":0,\"finish_reason\":\"tool_calls\",\"message\":{\"role\":\"assistant\",\"content\":null,\"reasoning\":\"hm\",\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"hm\",\"signature\":null,\"format\":\"google-gemini-v1\",\"index\":0},{\"type\":\"reasoning.encrypted\",\"data\":\"SEAL\",\"format\":\"google-gemini-v1\",\"index\":0}],\"tool_calls\":[{\"id\":\"call_2\",\"type\":\"function\",\"function\":{\"name\":\"get\",\"arguments\":\"{}\"}}]}}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":9}}"; reply "wet"
client POST /api/chat <<X
{"model":"chat","stream":false,"tools":[{"type":"function","function":{"name":"get"}}],"messages":[{"role":"user","content":"Weather?"}]}
X
expect status 200
client POST /api/chat <<X
{"model":"chat","stream":false,"messages":[{"role":"user","content":"Weather?"},{"role":"assistant","content":"","tool_calls":[{"id":"call_2","function":{"name":"get","arguments":{}}}]},{"role":"tool","tool_call_id":"call_2","content":"rain"}]}
X
expect content "wet"
expect request a json .messages[1].reasoning_details[0].text "hm"
expect request a json .messages[1].reasoning_details[1].data "SEAL"
# a call that nothing is known of is left alone
client POST /v1/chat/completions <<X
{"model":"chat","messages":[{"role":"assistant","tool_calls":[{"id":"call_9","type":"function","function":{"name":"get","arguments":"{}"}}]},{"role":"tool","tool_call_id":"call_9","content":"rain"}]}
X
expect status 200
expect request a body lacks "reasoning_details"
stop
expect files-lack "gAAA"
