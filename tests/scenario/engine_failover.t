# The engine dies with a call before its first content: the call goes on with the next of its chain, and the client sees one clean answer.
model chat.gguf tiny-llama3 Q8_0 1
upstream b openai
config alone <<Y
upstreams:
  engine: { dialect: engine, threads: 1, models: { tiny: chat.gguf } }
  b: { dialect: openai, place: home, url: "http://127.0.0.1:$b/v1" }
jobs:
  fast: { chain: [engine/tiny, b/m], boundary: home }
Y
start
client two POST /v1/chat/completions <<J &
{"model":"fast","messages":[{"role":"user","content":"{{one two three four *900}}"}],"max_tokens":2,"stream":true}
J
engine running
engine kill
wait two
expect status 200
expect sse-done
expect header x-hearth-target "b/m"
expect ledger last target "b/m" outcome done attempts 2
