# A daemon that is killed takes its engine along, which ends in the middle of what it computes; the next daemon starts on the same folder at once and answers.
model chat.gguf tiny-llama3 Q8_0 1
config alone <<Y
upstreams:
  engine: { dialect: engine, threads: 1, models: { tiny: chat.gguf } }
jobs:
  fast: { chain: [engine/tiny] }
Y
start
client one POST /v1/chat/completions <<J &
{"model":"fast","messages":[{"role":"user","content":"one two three"}],"temperature":0,"max_tokens":8000,"stream":true}
J
read one until "content"
engine INT
kill
start
client POST /v1/chat/completions <<J
{"model":"fast","messages":[{"role":"user","content":"one"}],"temperature":0,"max_tokens":2}
J
expect status 200
expect engine gone
expect engine other
