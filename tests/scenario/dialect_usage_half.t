# Half of a usage that comes as 0 (an Ollama leaves out the prompt it had computed before) is an estimate to the client, never 0; the books have what was told.
each face path usage half ask <<X
ollama | /v1/messages | 0 7 | "input_tokens" | {"model":"bulk","max_tokens":100,"messages":[{"role":"user","content":"hello"}],"stream":true}
ollama | /v1/messages | 0 7 | "input_tokens" | {"model":"bulk","max_tokens":100,"messages":[{"role":"user","content":"hello"}]}
openai | /v1/messages | 9 0 | "output_tokens" | {"model":"bulk","max_tokens":100,"messages":[{"role":"user","content":"hello"}],"stream":true}
openai | /v1/messages | 9 0 | "output_tokens" | {"model":"bulk","max_tokens":100,"messages":[{"role":"user","content":"hello"}]}
ollama | /v1/chat/completions | 0 7 | "prompt_tokens" | {"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true,"stream_options":{"include_usage":true}}
openai | /api/chat | 9 0 | "eval_count" | {"model":"bulk","messages":[{"role":"user","content":"hello"}]}
ollama | /v1/responses | 0 7 | "input_tokens" | {"model":"bulk","input":"hello","stream":true}
X
upstream a $face dialect: $face
config <<X
loops: 1
jobs:
  bulk: { chain: [a/m] }
X
script a reply "hello there, this is a whole sentence" usage $usage
start
client POST $path <<X
$ask
X
expect content "hello there, this is a whole sentence"
expect body like *$half:*
expect body lacks $half:0
expect ledger last estimated false
