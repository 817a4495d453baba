# With one place at the engine, a call that says it is interactive does not wait for a long one with the tag `batch`: that gives up its place and goes on later, to its end. Behind an interactive one it waits.
each tag done <<T
batch | 1
other | 2
T
model chat.gguf tiny-llama3 Q8_0 1
config alone <<Y
upstreams:
  engine: { dialect: engine, context: 4k, threads: 1, calls: 1, timeout: { first_byte: 10m }, models: { tiny: chat.gguf } }
jobs:
  fast: { chain: [engine/tiny] }
Y
start
client long POST /v1/chat/completions -H "x-hearth-tags: $tag" <<J &
{"model":"fast","messages":[{"role":"user","content":"one two three"}],"max_tokens":1500,"temperature":1,"seed":3,"stream":true}
J
read long until "content"
client POST /v1/chat/completions <<J
{"model":"fast","messages":[{"role":"user","content":"four"}],"max_tokens":2}
J
expect status 200
expect ledger count $done outcome done
wait long
expect sse-done
expect ledger count 2 outcome done
