# While there is no engine process, calls queue on its socket, whole ones, streams and texts, those that came before the end and those after it: they wait for the next process and are answered there, none fails, and each was asked once.
model chat.gguf tiny-llama3 Q8_0 1
model embed.gguf tiny-nomic-bert Q8_0 1
config alone <<Y
upstreams:
  engine: { dialect: engine, context: 512, threads: 1, models: { tiny: chat.gguf, vectors: embed.gguf } }
jobs:
  fast: { chain: [engine/tiny] }
  embed: { chain: [engine/vectors] }
Y
start
engine stop
client two POST /v1/chat/completions <<J &
{"model":"fast","messages":[{"role":"user","content":"one two three"}],"temperature":0,"max_tokens":2}
J
client three POST /v1/chat/completions <<J &
{"model":"fast","messages":[{"role":"user","content":"one two"}],"temperature":0,"max_tokens":2,"stream":true}
J
client four POST /v1/embeddings <<J &
{"model":"embed","input":["one","two"]}
J
engine kill
client POST /v1/messages <<J
{"model":"fast","messages":[{"role":"user","content":"one"}],"temperature":0,"max_tokens":2}
J
expect status 200
wait two
expect status 200
expect header x-hearth-target "engine/tiny"
wait three
expect sse-done
wait four
expect status 200
expect json .data[1].object "embedding"
expect engine other
expect ledger count 4 outcome done attempts 1
expect log count 1 "is started again as"
