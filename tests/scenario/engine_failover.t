# The engine dies with a call before its first content has gone to the client, while it reads the prompt or in the middle of an answer that is not streamed: the call goes on with the next of its chain, and the client sees one clean answer.
each when prompt tokens stream <<T
reading | {{one two three four *900}} | 2 | true
reading-whole | {{one two three four *900}} | 2 | false
answering | one | 7000 | false
T
model chat.gguf tiny-llama3 Q8_0 1
upstream b openai
config alone <<Y
upstreams:
  engine: { dialect: engine, threads: 1, models: { tiny: chat.gguf } }
  b: { dialect: openai, place: home, url: "http://127.0.0.1:$b/v1" }
jobs:
  fast: { chain: [engine/tiny, b/m], boundary: home }
Y
script b reply "whole"
start
client two POST /v1/chat/completions <<J &
{"model":"fast","messages":[{"role":"user","content":"$prompt"}],"temperature":0,"max_tokens":$tokens,"logit_bias":{"300":100},"stream":$stream}
J
engine running
engine kill
wait two
expect status 200
expect content "whole"
expect header x-hearth-target "b/m"
expect header x-hearth-attempts 2
expect ledger last target "b/m" outcome done attempts 2
expect request b body lacks "hearth"
