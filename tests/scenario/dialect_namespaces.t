# Codex tells of a tool that OpenAI runs and of functions in a namespace. Where nobody knows either, the one is left out and named, the
# others go one by one and come back in their namespace; a call that needs the vendor's tool is refused.
each face <<X
openai
anthropic
ollama
X
upstream a $face dialect: $face
config <<X
loops: 1
jobs:
  bulk: { chain: [a/m] }
X
script a tool crew__stop_one "{\"who\":\"x\"}" usage 100 7
start
client POST /v1/responses <<X
{"model":"bulk","stream":true,"store":false,"tool_choice":"auto","parallel_tool_calls":true,"input":[{"type":"message","id":"msg_1","role":"developer","content":[{"type":"input_text","text":"You code."}]},{"type":"message","id":"msg_2","role":"user","content":[{"type":"input_text","text":"stop it"}]}],"tools":[{"type":"function","name":"run","strict":false,"parameters":{"type":"object","properties":{"cmd":{"type":"string"}}}},{"type":"namespace","name":"crew","description":"Those who help.","tools":[{"type":"function","name":"stop_one","strict":false,"parameters":{"type":"object","properties":{"who":{"type":"string"}}}}]},{"type":"web_search","external_web_access":true}]}
X
expect status 200
expect header x-hearth-lost contains "tools.hosted" "tools.namespace"
expect body contains "\"type\":\"function_call\"" "\"name\":\"stop_one\",\"namespace\":\"crew\"" "event: response.completed"
expect body lacks "crew__"
expect request a body contains "crew__stop_one" "\"run\""
expect request a body lacks "web_search" "\"namespace\"" "Those who help"
script a reply "Stopped." usage 100 7
client POST /v1/responses <<X
{"model":"bulk","store":false,"input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"stop it"}]},{"type":"function_call","id":"fc_1","call_id":"call_1","name":"stop_one","namespace":"crew","arguments":"{\"who\":\"x\"}"},{"type":"function_call_output","call_id":"call_1","output":"nobody of that name"}],"tools":[{"type":"namespace","name":"crew","tools":[{"type":"function","name":"stop_one","parameters":{"type":"object","properties":{}}}]}]}
X
expect status 200
expect content "Stopped."
expect header-absent x-hearth-lost
expect request a body contains "crew__stop_one" "nobody of that name"
script a tool crew__stop_one "{\"who\":\"x\"}" usage 100 7
client POST /v1/responses <<X
{"model":"bulk","store":false,"input":"stop it","tools":[{"type":"namespace","name":"crew__","tools":[{"type":"function","name":"stop_one","parameters":{"type":"object","properties":{}}}]}]}
X
expect status 200
expect json .output[0].name "stop_one"
expect json .output[0].namespace "crew__"
client POST /v1/responses <<X
{"model":"bulk","store":false,"input":"find it","tools":[{"type":"web_search"}]}
X
expect status 400
expect body contains "a/m: the call cannot be said in its dialect"
client POST /v1/responses <<X
{"model":"bulk","store":false,"input":"find it","tool_choice":{"type":"web_search"},"tools":[{"type":"web_search"},{"type":"function","name":"run"}]}
X
expect status 400
