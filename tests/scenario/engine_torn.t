# A model file is cut while it is used: the log names it, the stream under way ends with an error event, the process is started again, and what cannot be loaded any more is left out, so that calls take the next step; a whole file and SIGHUP, and the next call has it again.
model chat.gguf tiny-llama3 Q8_0 1
model other.gguf tiny-qwen2 Q8_0 2
config alone <<Y
upstreams:
  engine: { dialect: engine, threads: 2, models: { tiny: chat.gguf, other: other.gguf } }
jobs:
  fast: { chain: [engine/tiny, engine/other] }
Y
start
client one POST /v1/chat/completions <<J &
{"model":"fast","messages":[{"role":"user","content":"one two three"}],"max_tokens":8000,"temperature":1,"seed":3,"stream":true}
J
read one until "content"
file chat.gguf <<J
no model any more
J
wait one
expect sse-error
expect log contains "chat.gguf: the file was cut, or can no longer be read, while it is used"
expect log contains "was killed by signal 7 (BUS); calls under way there have failed"
client POST /v1/chat/completions <<J
{"model":"fast","messages":[{"role":"user","content":"one two three"}],"max_tokens":2}
J
expect status 200
expect header x-hearth-target "engine/other"
expect log contains "model tiny: " "it is left out until the config is read again"
expect log count 1 "the file was cut"
expect log contains "with 1 of 2 models"
client POST /v1/chat/completions <<J
{"model":"engine/tiny","messages":[{"role":"user","content":"one two three"}],"max_tokens":2}
J
expect status 503
expect json .error.message contains "engine/tiny: the engine could not load it; its log says why"
model chat.gguf tiny-llama3 Q8_0 1
reload
expect log contains "read again (1)"
client POST /v1/chat/completions <<J
{"model":"fast","messages":[{"role":"user","content":"one two three"}],"max_tokens":2}
J
expect status 200
expect header x-hearth-target "engine/tiny"
expect log lacks "somebody has to look after it"
