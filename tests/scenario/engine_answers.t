# A GGUF file answers through the daemon: chat, a stream, embeddings, the list of models; booked under regime power.
model chat.gguf tiny-llama3 Q8_0 1
model embed.gguf tiny-nomic-bert Q8_0 1
config alone <<Y
upstreams:
  engine: { dialect: engine, context: 512, threads: 1, models: { "tiny:1b": chat.gguf, nomic-embed-text: embed.gguf } }
jobs:
  fast: { chain: [engine/tiny:1b] }
  private: { chain: [engine/tiny:1b], boundary: home }
  embed: { chain: [engine/nomic-embed-text], boundary: home }
Y
start
expect mode data/engine.sock 600
expect engine processes 1
client POST /v1/chat/completions <<J
{"model":"fast","messages":[{"role":"user","content":"one two three"}],"max_tokens":6,"temperature":0}
J
expect status 200
expect header x-hearth-target "engine/tiny:1b"
expect json .usage.completion_tokens any
expect ledger last target "engine/tiny:1b" regime power outcome done input 21 output 6 estimated false
client POST /v1/chat/completions <<J
{"model":"private","messages":[{"role":"user","content":"one two three"}],"max_tokens":6,"temperature":0,"stream":true}
J
expect status 200
expect sse-done
expect header x-hearth-target "engine/tiny:1b"
client POST /v1/embeddings <<J
{"model":"embed","input":"one two three"}
J
expect status 200
expect json .data[0].object "embedding"
client GET /v1/models
expect body contains "engine/tiny:1b" "engine/nomic-embed-text"
