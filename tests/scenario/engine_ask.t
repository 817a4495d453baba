# `hearth ask` without a daemon runs the engine for the one answer: what it prints is the answer and the bill, and the engine ends with it.
model chat.gguf tiny-llama3 Q8_0 1
config alone <<Y
upstreams:
  engine: { dialect: engine, context: 512, threads: 1, models: { tiny: chat.gguf } }
jobs:
  fast: { chain: [engine/tiny] }
Y
cli ask --job fast "one two three"
expect cli status 0
expect cli contains "[engine/tiny, 1 attempt, 2" " tokens in, "
expect cli lacks "weights"
start
client POST /v1/chat/completions <<J
{"model":"fast","messages":[{"role":"user","content":"one"}],"temperature":0,"max_tokens":2}
J
expect status 200
expect engine processes 1
