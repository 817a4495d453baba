# Kimi's ids of calls, with dots and colons, go through clients that cannot hold such, and come back to it as they were.
each path hand first ask <<X
/v1/messages | hx_functions-2Eget_weather-3A0 | {"model":"chat","stream":true,"max_tokens":100,"tools":[{"name":"get_weather","input_schema":{"type":"object"}}],"messages":[{"role":"user","content":"Weather?"}]} | {"model":"chat","max_tokens":100,"tools":[{"name":"get_weather","input_schema":{"type":"object"}}],"messages":[{"role":"user","content":"Weather?"},{"role":"assistant","content":[{"type":"tool_use","id":"hx_functions-2Eget_weather-3A0","name":"get_weather","input":{"city":"Oslo"}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"hx_functions-2Eget_weather-3A0","content":"rain"}]}]}
/v1/responses | functions.get_weather:0 | {"model":"chat","stream":true,"input":"Weather?","tools":[{"type":"function","name":"get_weather"}]} | {"model":"chat","input":[{"role":"user","content":"Weather?"},{"type":"function_call","call_id":"functions.get_weather:0","name":"get_weather","arguments":"{\"city\":\"Oslo\"}"},{"type":"function_call_output","call_id":"functions.get_weather:0","output":"rain"}]}
/api/chat | functions.get_weather:0 | {"model":"chat","messages":[{"role":"user","content":"Weather?"}],"tools":[{"type":"function","function":{"name":"get_weather"}}]} | {"model":"chat","stream":false,"messages":[{"role":"user","content":"Weather?"},{"role":"assistant","content":"","tool_calls":[{"id":"functions.get_weather:0","function":{"name":"get_weather","arguments":{"city":"Oslo"}}}]},{"role":"tool","tool_call_id":"functions.get_weather:0","content":"rain"}]}
X
upstream k moonshot vendor: moonshot, dialect: openai
config <<X
jobs:
  chat: { chain: [k/kimi-k2.6] }
X
script k raw "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\ndata: {\"id\":\"c\",\"model\":\"kimi\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"tool_calls\":[{\"index\":0,\"id\":\"functions.get_weather:0\",\"type\":\"function\",\"function\":{\"name\":\"get_weather\",\"arguments\":\"{\\\"city\\\":\\\"Oslo\\\"}\"}}]},\"finish_reason\":null}]}\n\ndata: {\"id\":\"c\",\"model\":\"kimi\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\",\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":5}}]}\n\ndata: [DONE]\n\n"; reply "rain it is"
start
client POST $path <<X
$first
X
expect body contains "\"$hand\""
client POST $path <<X
$ask
X
expect content "rain it is"
expect request k json .messages[1].tool_calls[0].id "functions.get_weather:0"
expect request k json .messages[2].tool_call_id "functions.get_weather:0"
