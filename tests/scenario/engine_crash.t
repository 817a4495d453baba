# The engine is killed in the middle of an answer: that stream ends with an error event, nothing else is lost, and the next call is answered by a new process.
model chat.gguf tiny-llama3 Q8_0 1
config alone <<Y
upstreams:
  engine: { dialect: engine, threads: 1, models: { tiny: chat.gguf } }
jobs:
  fast: { chain: [engine/tiny] }
Y
start
keep token file data/admin-token
client watcher GET /hearth/v1/events -H "authorization: Bearer $token" &
read watcher until "event: hello"
client one POST /v1/chat/completions <<J &
{"model":"fast","messages":[{"role":"user","content":"one two three"}],"max_tokens":8000,"temperature":1,"seed":3,"stream":true}
J
read one until "content"
engine kill
wait one
expect sse-error
expect log contains "was killed by signal 9 (KILL); calls under way there have failed"
client POST /v1/chat/completions <<J
{"model":"fast","messages":[{"role":"user","content":"one two three"}],"max_tokens":2}
J
expect status 200
expect engine processes 1
expect engine other
expect log count 1 "was killed by signal 9"
expect log count 1 "is started again as"
expect ledger count 1 outcome done
client GET /metrics
expect metrics "hearth_engine_up 1"
expect metrics "hearth_engine_restarts_total 1"
read watcher until "event: engine_ended"
read watcher until "{\"how\":\"was killed by signal 9 (KILL)\",\"again_ms\":200}"
read watcher until "event: engine_back"
