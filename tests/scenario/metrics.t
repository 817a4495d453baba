# /metrics is in its format and says what the ledger says: calls, attempts, tokens and cost by the owner's names, nothing else.
upstream a openai
upstream b openai
upstream c openai
config <<X
loops: 3
jobs:
  bulk: { chain: [a/m, b/m] }
  lone: { chain: [c/m] }
  odd:  { chain: ['b/q"uote\back'] }
prices:
  b/m: { input: 1, output: 2 }
  c/m: { input: 3, output: 4 }
X
script a status 500
script b usage 100 50 reply "canary-answer"
script c usage 7 9 reply "fine" tokens 40 every 25
start
repeat 7 client POST /v1/chat/completions -H "x-hearth-tags: canary-tag" <<X
{"model":"bulk","messages":[{"role":"user","content":"canary-prompt"}]}
X
expect status 200
client POST /v1/chat/completions <<X
{"model":"b/canary-model","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
client c1 POST /v1/chat/completions <<X &
{"model":"lone","messages":[{"role":"user","content":"hello"}],"stream":true}
X
read c1 until "quick"
client GET /metrics
expect status 200
expect metrics format
expect metrics "hearth_in_flight{upstream=\"c\"} 1"
abort c1 rst
expect aborted c within 1000
expect ledger count 1 outcome left
client GET /metrics
expect metrics format
expect metrics ledger
expect metrics "hearth_calls_total{job=\"bulk\",outcome=\"done\"} 7"
expect metrics "hearth_calls_total{job=\"-\",outcome=\"done\"} 1"
expect metrics "hearth_calls_total{job=\"lone\",outcome=\"left\"} 1"
expect metrics "hearth_attempts_total{target=\"a/m\",reason=\"server_error\"} 5"
expect metrics "hearth_attempts_total{target=\"b/m\",reason=\"done\"} 7"
expect metrics "hearth_attempts_total{target=\"b/other\",reason=\"done\"} 1"
expect metrics "hearth_tokens_total{target=\"b/m\",class=\"input\"} 700"
expect metrics "hearth_cost_usd_total{target=\"b/m\"} 0.0014"
expect metrics "hearth_cost_unknown_total{target=\"b/other\"} 1"
expect metrics "hearth_call_seconds_count{job=\"bulk\"} 7"
expect metrics "hearth_breaker_state{target=\"a/m\"} 2"
expect metrics "hearth_breaker_state{target=\"b/m\"} 0"
expect metrics "hearth_in_flight{upstream=\"c\"} 0"
expect metrics "hearth_breaker_state{target=\"b/q\\\"uote\\\\back\"} 0"
expect metrics "hearth_queue_length{upstream=\"c\"} 0"
expect metrics "hearth_ready 1"
expect body lacks "canary"
config <<X
loops: 3
jobs:
  bulk: { chain: [b/m] }
prices:
  b/m: { input: 1, output: 2 }
X
reload
expect log contains "read again (1)"
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
client GET /metrics
expect metrics format
expect metrics ledger
expect metrics "hearth_calls_total{job=\"bulk\",outcome=\"done\"} 8"
expect metrics "hearth_calls_total{job=\"lone\",outcome=\"left\"} 1"
raw <<X
GET /metrics HTTP/1.1\r\nhost: elsewhere.example\r\n\r\n
X
expect status 403
