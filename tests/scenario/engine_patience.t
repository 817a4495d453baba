# An answer that comes whole may take longer than first_byte, however short that is: the engine gives signs of work, and only its silence is a failure.
# plain: within its 400 ms a build with a sanitizer, on a busy machine, makes no step; test_host and test_http_client have the signs in every build
model chat.gguf tiny-llama3 Q8_0 1
config alone <<Y
upstreams:
  engine: { dialect: engine, context: 8k, threads: 1, models: { tiny: chat.gguf }, timeout: { first_byte: 400ms } }
jobs:
  only: { chain: [engine/tiny] }
Y
start
client POST /v1/chat/completions <<J
{"model":"only","messages":[{"role":"user","content":"one two three"}],"max_tokens":6000,"temperature":1,"seed":3,"logit_bias":{"2":-100}}
J
expect status 200
expect took over 800
expect json .choices[0].finish_reason length
expect ledger last outcome done attempts 1
# stopped in the middle of it, the engine gives none: that is told, and counts as its failure
client long POST /v1/chat/completions <<J &
{"model":"only","messages":[{"role":"user","content":"one two three"}],"max_tokens":6000,"temperature":1,"seed":3}
J
engine running
engine stop
wait long
expect status 504
engine kill
