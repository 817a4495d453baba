# The metrics tell of every job, so a key that is limited to some does not read them, here or elsewhere; other keys and the token do.
elsewhere
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
  hard: { chain: [a/n] }
X
cli keys add few --jobs bulk
keep few cli
cli keys add all
keep all cli
cli keys add gone
cli keys revoke gone
start
keep token file data/admin-token
client POST /v1/chat/completions -H "x-hearth-key: $all" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
client GET /metrics elsewhere -H "authorization: Bearer $few"
expect status 403
expect json .error.message contains "key few is limited to some jobs"
expect body lacks "hard"
client GET /metrics -H "x-hearth-key: $few"
expect status 403
client GET /metrics elsewhere
expect status 401
client GET /metrics elsewhere -H "authorization: Bearer hearth_admin_0000000000000000000000000000000000000000000000000000000000000000"
expect status 401
client GET /metrics elsewhere -H "authorization: Bearer $all"
expect status 200
expect metrics format
client GET /metrics elsewhere -H "authorization: Bearer $token"
expect status 200
expect metrics "hearth_calls_total{job=\"hard\",outcome=\"done\"} 1"
expect metrics "hearth_keys 2"
client GET /metrics
expect status 200
expect body lacks "few"
