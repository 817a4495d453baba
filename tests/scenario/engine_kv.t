# Keys and values in eight bits take little more than half of the memory of sixteen, and the model answers; another way of keeping them is a model loaded anew.
model chat.gguf tiny-llama3 Q8_0 1
each kv memory <<T
f16 | 11 MiB
q8_0 | 6 MiB
f32 | 23 MiB
T
config alone <<Y
upstreams:
  engine: { dialect: engine, context: 16k, threads: 1, kv: $kv, models: { tiny: chat.gguf } }
jobs:
  talk: { chain: [engine/tiny] }
Y
start
expect log count 1 "up to $memory for what is read (16000 tokens)"
client POST /v1/chat/completions <<J
{"model":"talk","messages":[{"role":"user","content":"one two three"}],"temperature":0,"max_tokens":4}
J
expect status 200
