# While there is no engine process, calls queue on its socket: they wait for the next one and are answered, none fails.
model chat.gguf tiny-llama3 Q8_0 1
config alone <<Y
upstreams:
  engine: { dialect: engine, threads: 1, models: { tiny: chat.gguf } }
jobs:
  fast: { chain: [engine/tiny] }
Y
start
engine stop
client two POST /v1/chat/completions <<J &
{"model":"fast","messages":[{"role":"user","content":"one two three"}],"max_tokens":2}
J
engine kill
wait two
expect status 200
expect header x-hearth-target "engine/tiny"
expect ledger last outcome done attempts 1
expect engine other
