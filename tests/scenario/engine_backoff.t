# An engine that dies again and again is started again after pauses that double; between two deaths it answers.
model chat.gguf tiny-llama3 Q8_0 1
config alone <<Y
upstreams:
  engine: { dialect: engine, context: 512, threads: 1, models: { tiny: chat.gguf } }
jobs:
  fast: { chain: [engine/tiny] }
Y
start
engine kill
expect log count 1 "is started again in 200 ms"
client POST /v1/chat/completions <<J
{"model":"fast","messages":[{"role":"user","content":"one"}],"temperature":0,"max_tokens":2}
J
expect status 200
engine kill
expect log count 1 "is started again in 400 ms"
client POST /v1/chat/completions <<J
{"model":"fast","messages":[{"role":"user","content":"one"}],"temperature":0,"max_tokens":2}
J
expect status 200
engine kill
expect log count 1 "is started again in 800 ms"
client POST /v1/chat/completions <<J
{"model":"fast","messages":[{"role":"user","content":"one"}],"temperature":0,"max_tokens":2}
J
expect status 200
expect took over 300
expect engine processes 1
