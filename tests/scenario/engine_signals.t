# What a terminal or a service manager sends to all processes does not end the engine before the daemon's calls have ended; a stop takes it along.
model chat.gguf tiny-llama3 Q8_0 1
config alone <<Y
upstreams:
  engine: { dialect: engine, threads: 1, models: { tiny: chat.gguf } }
jobs:
  fast: { chain: [engine/tiny] }
Y
start
client one POST /v1/chat/completions <<J &
{"model":"fast","messages":[{"role":"user","content":"one two three"}],"temperature":0,"max_tokens":400,"stream":true}
J
read one until "content"
engine INT
engine TERM
signal TERM
wait one
expect sse-done
ended within 9000
expect log count 0 "the engine process"
