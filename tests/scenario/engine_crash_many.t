# The engine is killed under many calls: each that has begun ends with one error event, those in the engine's own line get one honest error, and whoever comes then waits on the socket for the next process and is answered: one crash does not make the engine rest.
model chat.gguf tiny-llama3 Q8_0 1
config alone <<Y
upstreams:
  engine: { dialect: engine, threads: 1, calls: 6, context: 8k, models: { tiny: chat.gguf } }
jobs:
  fast: { chain: [engine/tiny] }
Y
start
client a POST /v1/chat/completions <<J &
{"model":"fast","messages":[{"role":"user","content":"one"}],"temperature":0,"max_tokens":7000,"logit_bias":{"300":100},"stream":true}
J
client b POST /v1/chat/completions <<J &
{"model":"fast","messages":[{"role":"user","content":"two"}],"temperature":0,"max_tokens":7000,"logit_bias":{"300":100},"stream":true}
J
client c POST /v1/chat/completions <<J &
{"model":"fast","messages":[{"role":"user","content":"three"}],"temperature":0,"max_tokens":7000,"logit_bias":{"300":100},"stream":true}
J
client d POST /v1/chat/completions <<J &
{"model":"fast","messages":[{"role":"user","content":"four"}],"temperature":0,"max_tokens":7000,"logit_bias":{"300":100},"stream":true}
J
client e POST /v1/chat/completions <<J &
{"model":"fast","messages":[{"role":"user","content":"five"}],"temperature":0,"max_tokens":7000,"logit_bias":{"300":100},"stream":true}
J
client f POST /v1/chat/completions <<J &
{"model":"fast","messages":[{"role":"user","content":"six"}],"temperature":0,"max_tokens":7000,"logit_bias":{"300":100},"stream":true}
J
read a until "\"content\":"
read b until "\"content\":"
read c until "\"content\":"
read d until "\"content\":"
read e until "\"content\":"
read f until "\"content\":"
client whole POST /v1/chat/completions <<J &
{"model":"fast","messages":[{"role":"user","content":"seven"}],"temperature":0,"max_tokens":2}
J
engine waiting
engine kill
client POST /v1/chat/completions <<J
{"model":"fast","messages":[{"role":"user","content":"eight"}],"temperature":0,"max_tokens":2}
J
expect status 200
expect header x-hearth-target "engine/tiny"
wait a
expect sse-error contains "the answer of engine/tiny stopped after about"
wait f
expect sse-error
wait whole
expect status 502
expect json .error.message contains "engine/tiny: "
expect log lacks "it rests"
expect log count 1 "is started again as"
expect ledger count 6 outcome cut
expect ledger count 1 outcome failed
expect ledger count 1 outcome done
