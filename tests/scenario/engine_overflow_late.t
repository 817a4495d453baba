# What was left out is told in a stream whose head had to go out before: as a comment in front of the first content; in Ollama's dialect, which has no comments, the head waits and tells it itself. Each text is another, so that none is kept from before and answered at once.
model chat.gguf tiny-llama3 Q8_0 1
config alone <<Y
head_after: 1ms
upstreams:
  engine: { dialect: engine, context: 2k, threads: 1, models: { tiny: chat.gguf } }
jobs:
  talk: { chain: [engine/tiny], overflow: drop_oldest }
Y
start
client POST /v1/chat/completions <<J
{"model":"talk","stream":true,"temperature":0,"max_tokens":8,"messages":[{"role":"user","content":"{{one two three four *400}}"},{"role":"assistant","content":"{{five *60}}"},{"role":"user","content":"{{six seven *200}}"}]}
J
expect status 200
expect sse-done
expect header x-hearth-target "pending"
expect header-absent x-hearth-dropped
expect body like "*: x-hearth-dropped: *data: *"
client POST /v1/messages <<J
{"model":"talk","stream":true,"temperature":0,"max_tokens":8,"messages":[{"role":"user","content":"{{four three two one *400}}"},{"role":"assistant","content":"{{five *60}}"},{"role":"user","content":"{{eight nine *200}}"}]}
J
expect status 200
expect header x-hearth-target "pending"
expect body like "*: x-hearth-dropped: *content_block_start*"
client POST /api/chat <<J
{"model":"talk","options":{"num_predict":8,"temperature":0},"messages":[{"role":"user","content":"{{nine ten *400}}"},{"role":"assistant","content":"{{five *60}}"},{"role":"user","content":"{{six seven *200}}"}]}
J
expect status 200
expect header x-hearth-target "engine/tiny"
expect header x-hearth-dropped over 200
