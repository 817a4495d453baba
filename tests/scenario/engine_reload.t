# A reload loads what is new, takes away what is gone, and leaves the rest alone: the same process, and a stream under way on a model that is removed ends whole. What cannot be loaded is refused with its line, and nothing has changed.
model one.gguf tiny-llama3 Q8_0 1
model two.gguf tiny-qwen2 Q8_0 2
config alone <<Y
upstreams:
  engine: { dialect: engine, context: 2k, threads: 1, models: { one: one.gguf } }
jobs:
  fast: { chain: [engine/one] }
Y
start
client long POST /v1/chat/completions <<J &
{"model":"fast","messages":[{"role":"user","content":"one two three"}],"temperature":0,"max_tokens":1200,"stream":true}
J
read long until "content"
engine INT
config alone <<Y
upstreams:
  engine: { dialect: engine, context: 2k, threads: 1, models: { two: two.gguf } }
jobs:
  fast: { chain: [engine/two] }
Y
reload
expect log count 1 "read again"
client POST /v1/chat/completions <<J
{"model":"fast","messages":[{"role":"user","content":"one two three"}],"temperature":0,"max_tokens":2}
J
expect status 200
expect header x-hearth-target "engine/two"
wait long
expect sse-done
expect engine same
file broken.gguf <<J
GGUF and nothing behind it
J
config alone <<Y
upstreams:
  engine:
    dialect: engine
    context: 2k
    threads: 1
    models:
      two: two.gguf
      three: broken.gguf
jobs:
  fast: { chain: [engine/three] }
Y
reload
expect log contains "hearth.yaml:8:14: model three: " "the config in force stays"
client POST /v1/chat/completions <<J
{"model":"fast","messages":[{"role":"user","content":"one two three"}],"temperature":0,"max_tokens":2}
J
expect header x-hearth-target "engine/two"
expect engine same
expect engine processes 1
