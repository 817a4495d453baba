# Before the first content a call moves to an upstream of another dialect and its client reads one clean stream; tool calls and results go along.
each first second trouble <<X
anthropic | openai | fault overload
anthropic | openai | drop 0
anthropic | openai | drop 1
anthropic | openai | sse-error 1 "overloaded"
anthropic | openai | cut 1
openai | anthropic | fault rate
openai | anthropic | drop 1
openai | anthropic | sse-error 1 "overloaded"
openai | anthropic | cut 1
anthropic | ollama | drop 1
ollama | anthropic | status 500
ollama | anthropic | drop 0
ollama | anthropic | empty
X
upstream a $first dialect: $first
upstream b $second dialect: $second
config <<X
loops: 1
jobs:
  bulk: { chain: [a/m, b/m] }
X
script a $trouble
script b reply "from b"
start
client POST /v1/messages -H "anthropic-version: 2023-06-01" <<X
{"model":"bulk","max_tokens":100,"stream":true,"messages":[{"role":"user","content":"hello"},{"role":"assistant","content":[{"type":"tool_use","id":"toolu_1","name":"f","input":{"n":9007199254740993}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"done"}]}],"tools":[{"name":"f","input_schema":{"type":"object","properties":{}}}]}
X
expect status 200
expect content "from b"
expect body contains "event: message_start" "event: message_stop"
expect body lacks "event: error"
expect header x-hearth-target b/m
expect header x-hearth-attempts 2
expect request b body contains "toolu_1" "9007199254740993" "done"
expect seen a requests 1
expect ledger last outcome done attempts 2 target b/m
