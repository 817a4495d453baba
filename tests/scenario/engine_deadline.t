# A call that would begin after its deadline is told so at once and goes on with the next of its chain; the engine does not rest for it, and what it is computing ends whole.
model chat.gguf tiny-llama3 Q8_0 1
upstream b openai
config alone <<Y
upstreams:
  engine: { dialect: engine, context: 4k, threads: 1, calls: 1, models: { tiny: chat.gguf } }
  b: { dialect: openai, place: home, url: "http://127.0.0.1:$b/v1" }
jobs:
  fast: { chain: [engine/tiny, b/m] }
  only: { chain: [engine/tiny] }
Y
start
client long POST /v1/chat/completions <<J &
{"model":"only","messages":[{"role":"user","content":"one two three"}],"max_tokens":2000,"temperature":1,"seed":3,"stream":true}
J
read long until "content"
client POST /v1/chat/completions <<J
{"model":"only","hearth":{"deadline_ms":40},"messages":[{"role":"user","content":"four"}],"max_tokens":2}
J
expect status 503
expect header retry-after 1
expect json .error.message like "*engine/tiny: its turn did not come before the call's deadline (503): the deadline passed while the call waited for its turn*"
client POST /v1/chat/completions <<J
{"model":"fast","hearth":{"deadline_ms":40},"messages":[{"role":"user","content":"four"}],"max_tokens":2}
J
expect status 200
expect header x-hearth-target "b/m"
expect request b body lacks "hearth" "deadline"
expect log lacks "it rests"
wait long
expect sse-done
client POST /v1/chat/completions <<J
{"model":"only","hearth":{"deadline_ms":20000},"messages":[{"role":"user","content":"four"}],"max_tokens":2}
J
expect status 200
expect header x-hearth-target "engine/tiny"
expect ledger count 1 outcome failed
