# Every client dialect is answered by every upstream dialect, streamed and whole, with usage that is never 0 and the books right.
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
prices:
  a/m: { input: 1, output: 2, cached: 0.1 }
X
script a reply "hello there" usage 100 7
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect content "hello there"
expect json .choices[0].finish_reason "stop"
expect json .usage.prompt_tokens "100"
expect json .usage.completion_tokens "7"
expect header x-hearth-target a/m
expect ledger last outcome done input 100 output 7 estimated false
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true,"stream_options":{"include_usage":true}}
X
expect content "hello there"
expect sse-done
expect body contains "\"prompt_tokens\":100" "\"completion_tokens\":7"
expect ledger last outcome done input 100 output 7 estimated false
client POST /v1/responses <<X
{"model":"bulk","input":"hello"}
X
expect status 200
expect content "hello there"
expect json .status "completed"
expect json .usage.input_tokens "100"
expect json .usage.output_tokens "7"
expect ledger last outcome done input 100 output 7 estimated false
client POST /v1/responses <<X
{"model":"bulk","input":"hello","stream":true}
X
expect content "hello there"
expect body contains "event: response.created" "event: response.completed" "\"input_tokens\":100" "\"output_tokens\":7"
expect body lacks "[DONE]"
expect ledger last outcome done input 100 output 7
client POST /v1/messages?beta=true -H "anthropic-version: 2023-06-01" <<X
{"model":"bulk","max_tokens":100,"messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect content "hello there"
expect json .type "message"
expect json .stop_reason "end_turn"
expect json .usage.output_tokens "7"
expect ledger last outcome done input 100 output 7
client POST /v1/messages -H "anthropic-version: 2023-06-01" <<X
{"model":"bulk","max_tokens":100,"messages":[{"role":"user","content":"hello"}],"stream":true}
X
expect content "hello there"
expect body contains "event: message_start" "event: message_stop" "\"output_tokens\":7"
expect body lacks "[DONE]"
expect ledger last outcome done input 100 output 7
client POST /api/chat <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":false}
X
expect status 200
expect content "hello there"
expect json .done "true"
expect json .eval_count "7"
expect ledger last outcome done input 100 output 7
client POST /api/chat <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect header content-type contains "application/x-ndjson"
expect content "hello there"
expect body contains "\"prompt_eval_count\":100" "\"eval_count\":7"
expect ledger last outcome done input 100 output 7
client POST /api/generate <<X
{"model":"bulk","prompt":"hello"}
X
expect content "hello there"
expect body contains "\"eval_count\":7"
client POST /api/generate <<X
{"model":"bulk","prompt":"hello","stream":false}
X
expect content "hello there"
expect json .response "hello there"
expect ledger count 10 outcome done
