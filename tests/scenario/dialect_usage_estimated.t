# When the upstream reports no usage every client reads an estimate, never 0, streamed and whole; the books mark it.
each face path input output ask <<X
openai | /v1/messages | "input_tokens" | "output_tokens" | {"model":"bulk","max_tokens":100,"messages":[{"role":"user","content":"hello"}],"stream":true}
openai | /v1/messages | "input_tokens" | "output_tokens" | {"model":"bulk","max_tokens":100,"messages":[{"role":"user","content":"hello"}]}
ollama | /v1/messages | "input_tokens" | "output_tokens" | {"model":"bulk","max_tokens":100,"messages":[{"role":"user","content":"hello"}],"stream":true}
openai | /v1/responses | "input_tokens" | "output_tokens" | {"model":"bulk","input":"hello","stream":true}
ollama | /v1/responses | "input_tokens" | "output_tokens" | {"model":"bulk","input":"hello"}
openai | /api/chat | "prompt_eval_count" | "eval_count" | {"model":"bulk","messages":[{"role":"user","content":"hello"}]}
openai | /api/generate | "prompt_eval_count" | "eval_count" | {"model":"bulk","prompt":"hello","stream":false}
ollama | /v1/chat/completions | "prompt_tokens" | "completion_tokens" | {"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true,"stream_options":{"include_usage":true}}
ollama | /v1/chat/completions | "prompt_tokens" | "completion_tokens" | {"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
upstream a $face dialect: $face
config <<X
loops: 1
jobs:
  bulk: { chain: [a/m] }
X
script a reply "hello there, this is a whole sentence" usage off
start
client POST $path <<X
$ask
X
expect status 200
expect content "hello there, this is a whole sentence"
expect body like *$input:*$output:*
expect body lacks $input:0 $output:0
expect ledger last estimated true input 1..50 output 4..20
