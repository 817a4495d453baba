# A model of one's own that says nothing (its first token ends the answer, or a stop string begins with it) has answered: in each dialect, streamed or not, and however often, the engine does not rest for it.
model chat.gguf tiny-llama3 Q8_0 1
config alone <<Y
upstreams:
  engine: { dialect: engine, context: 512, threads: 1, models: { tiny: chat.gguf } }
jobs:
  fast: { chain: [engine/tiny] }
Y
start
repeat 6 client POST /v1/chat/completions <<J
{"model":"fast","messages":[{"role":"user","content":"one two three"}],"max_tokens":3,"temperature":0,"stop":["\n"]}
J
expect status 200
expect json .choices[0].message.content ""
expect json .choices[0].finish_reason "stop"
expect ledger last target "engine/tiny" outcome done
repeat 6 client POST /v1/chat/completions <<J
{"model":"fast","messages":[{"role":"user","content":"one two three"}],"max_tokens":3,"temperature":0,"stop":["\n"],"stream":true}
J
expect status 200
expect sse-done
expect body contains "\"finish_reason\":\"stop\""
client POST /v1/chat/completions <<J
{"model":"fast","messages":[{"role":"user","content":"one two three"}],"max_tokens":3,"logit_bias":{"1022":100}}
J
expect status 200
expect json .choices[0].message.content ""
client POST /v1/messages <<J
{"model":"fast","messages":[{"role":"user","content":"one two three"}],"max_tokens":3,"temperature":0,"stop_sequences":["\n"]}
J
expect status 200
expect json .type "message"
client POST /v1/messages <<J
{"model":"fast","messages":[{"role":"user","content":"one two three"}],"max_tokens":3,"temperature":0,"stop_sequences":["\n"],"stream":true}
J
expect status 200
expect body contains "event: message_stop"
client POST /api/chat <<J
{"model":"fast","messages":[{"role":"user","content":"one two three"}],"options":{"num_predict":3,"temperature":0,"stop":["\n"]}}
J
expect status 200
expect body contains "\"done\":true"
client POST /api/generate <<J
{"model":"fast","prompt":"one two three","stream":false,"options":{"num_predict":3,"temperature":0,"stop":["\n"]}}
J
expect status 200
expect json .response ""
expect json .done_reason "stop"
expect ledger count 17 target "engine/tiny" outcome done
