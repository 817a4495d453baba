# The event stream tells a plan that is spent and back, a target that rests and is back, and reloads, as they happen; it wants the token, tells no credential, ends with the daemon, and goes on behind `last-event-id`.
upstream plan openai key: passthrough, regime: plan, plan: { windows: [5h] }
upstream b openai
config <<X
loops: 2
jobs:
  hard: { chain: [plan/claude-opus-5-5, b/m] }
X
script plan status 429 header anthropic-ratelimit-unified-status rejected header anthropic-ratelimit-unified-5h-status rejected header anthropic-ratelimit-unified-5h-reset $unix7200
script b status 529 header retry-after 1; reply "from b"
start
keep token file data/admin-token
client GET /hearth/v1/events
expect status 401
client watcher GET /hearth/v1/events -H "authorization: Bearer $token" &
read watcher until "event: hello"
client POST /v1/chat/completions -H "authorization: Bearer sk-ant-oat-mine" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
read watcher until "event: target_rests"
client-until 200 5000 POST /v1/chat/completions -H "authorization: Bearer sk-ant-oat-mine" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
read watcher until "event: target_back"
reload
read watcher until "event: reloaded"
signal TERM
wait watcher
expect complete
expect body contains "event: plan_spent" "\"upstream\":\"plan\",\"credential\":\"" "\"window\":\"5h\",\"family\":null,\"until\":\"20" "\"target\":\"b/m\",\"reason\":\"overloaded\"" "\"owner_has_to_act\":false" "event: stopping"
expect body lacks "sk-ant"
ended
start
client POST /v1/chat/completions -H "authorization: Bearer sk-ant-oat-mine" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
reload
client late GET /hearth/v1/events -H "authorization: Bearer $token" -H "last-event-id: 1" &
read late until "event: reloaded"
abort late rst
client HEAD /hearth/v1/events -H "authorization: Bearer $token"
expect status 200
