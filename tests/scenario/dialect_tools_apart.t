# OpenAI's newer models take no tools at the chat endpoint while they think: such a call goes to them as Responses, and comes back as the chat it was.
upstream a openai vendor: openai
config <<X
loops: 1
jobs:
  bulk: { chain: [a/gpt-6-luna] }
  thinks: { chain: [a/gpt-5.4-mini], defaults: { reasoning_effort: high } }
X
script a tool get_weather "{\"id\":9007199254740993}" usage 100 7 cached 40
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"tools":[{"type":"function","function":{"name":"get_weather","parameters":{"type":"object","properties":{}}}}]}
X
expect status 200
expect request a head contains "POST /v1/responses"
expect json .object "chat.completion"
expect json .choices[0].finish_reason "tool_calls"
expect json .choices[0].message.tool_calls[0].function.arguments contains "9007199254740993"
expect json .usage.prompt_tokens_details.cached_tokens "40"
expect ledger last outcome done input 100 cached 40 output 7
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true,"tools":[{"type":"function","function":{"name":"get_weather","parameters":{"type":"object","properties":{}}}}]}
X
expect body contains "\"tool_calls\":[{\"index\":0," "get_weather" "9007199254740993" "\"finish_reason\":\"tool_calls\""
expect sse-done
client POST /v1/chat/completions <<X
{"model":"bulk","reasoning_effort":"none","messages":[{"role":"user","content":"hello"}],"tools":[{"type":"function","function":{"name":"get_weather","parameters":{"type":"object","properties":{}}}}]}
X
expect request a head contains "POST /v1/chat/completions"
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect request a head contains "POST /v1/chat/completions"
client POST /v1/chat/completions <<X
{"model":"a/gpt-5.4-mini","messages":[{"role":"user","content":"hello"}],"tools":[{"type":"function","function":{"name":"get_weather"}}]}
X
expect request a head contains "POST /v1/chat/completions"
client POST /v1/chat/completions <<X
{"model":"thinks","messages":[{"role":"user","content":"hello"}],"tools":[{"type":"function","function":{"name":"get_weather"}}]}
X
expect request a head contains "POST /v1/responses"
expect request a json .reasoning.effort "high"
client POST /v1/messages <<X
{"model":"bulk","max_tokens":2000,"messages":[{"role":"user","content":"hello"}],"tools":[{"name":"get_weather","input_schema":{"type":"object","properties":{}}}]}
X
expect request a head contains "POST /v1/responses"
expect json .stop_reason "tool_use"
