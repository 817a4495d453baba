# A daemon without an engine gets one with another config: a process, and a model that answers; with the next config its models are gone.
model chat.gguf tiny-llama3 Q8_0 1
upstream b openai
config alone <<Y
upstreams:
  b: { dialect: openai, place: home, url: "http://127.0.0.1:$b/v1" }
jobs:
  fast: { chain: [b/m] }
Y
start
expect engine processes 0
config alone <<Y
upstreams:
  b: { dialect: openai, place: home, url: "http://127.0.0.1:$b/v1" }
  engine: { dialect: engine, context: 512, threads: 1, models: { tiny: chat.gguf } }
jobs:
  fast: { chain: [engine/tiny, b/m] }
Y
reload
expect log count 1 "read again"
expect engine processes 1
client POST /v1/chat/completions <<J
{"model":"fast","messages":[{"role":"user","content":"one"}],"temperature":0,"max_tokens":2}
J
expect header x-hearth-target "engine/tiny"
config alone <<Y
upstreams:
  b: { dialect: openai, place: home, url: "http://127.0.0.1:$b/v1" }
jobs:
  fast: { chain: [b/m] }
Y
reload
expect log count 2 "read again"
client POST /v1/chat/completions <<J
{"model":"fast","messages":[{"role":"user","content":"one"}],"temperature":0,"max_tokens":2}
J
expect header x-hearth-target "b/m"
stop
