# `hearth plan`, the admin API and /metrics tell a plan's windows, what is spent, and the month in credits beside the fee; never the credential.
upstream plan openai key: passthrough, regime: plan, plan: { monthly: 100 USD, windows: [5h, 7d] }
upstream b openai
config <<X
jobs:
  hard: { chain: [plan/claude-opus-5-5, b/m] }
prices:
  plan/claude-opus-5-5: { input: 5, output: 25 }
X
script plan reply "one" usage 1000000 1000 header anthropic-ratelimit-unified-status allowed header anthropic-ratelimit-unified-5h-status allowed header anthropic-ratelimit-unified-5h-utilization 0.8 header anthropic-ratelimit-unified-5h-reset $unix9000; status 429 header anthropic-ratelimit-unified-status rejected header anthropic-ratelimit-unified-7d-status rejected header anthropic-ratelimit-unified-7d-utilization 1 header anthropic-ratelimit-unified-7d-reset $unix90000
script b reply "from b"
cli plan
expect cli status 1
start
keep token file data/admin-token
cli plan
expect cli status 0
expect cli contains "no call has gone there yet" "0 answers, in credits $ 0"
client GET /hearth/v1/plan -H "authorization: Bearer $token"
expect status 200
expect json .plans[0].upstream "plan"
expect json .plans[0].credentials[0] absent
client POST /v1/chat/completions -H "authorization: Bearer sk-ant-oat-mine" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect content "one"
cli plan
expect cli contains "80 % used (the provider's word of" "at this pace spent at" "1 answer, in credits $ 5.025" "the fee is $ 100"
expect cli lacks "SPENT" "sk-ant"
client POST /v1/chat/completions -H "authorization: Bearer sk-ant-oat-mine" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
cli plan
expect cli contains "100 % used" "SPENT" "all calls rest: its 7d window is spent" "until"
cli plan --json
expect cli contains "\"monthly_nusd\":100000000000" "\"list_nusd\":5025000000" "\"window\":\"7d\"" "\"status\":\"rejected\",\"spent\":true"
client GET /hearth/v1/plan -H "authorization: Bearer $token"
expect json .plans[0].credentials[0].windows[0].window "5h"
expect json .plans[0].credentials[0].windows[0].used_ppm "800000"
expect json .plans[0].credentials[0].windows[0].source "provider"
expect json .plans[0].credentials[0].windows[1].spent "true"
expect json .plans[0].credentials[0].rests[0].window "7d"
expect json .plans[0].events[0].event "spent"
expect json .plans[0].events[1] absent
expect json .plans[0].month.list_nusd "5025000000"
expect body lacks "sk-ant"
client GET /hearth/v1/plan
expect status 401
client GET /metrics
expect metrics format
expect body contains "hearth_plan_used_ratio{upstream=\"plan\",credential=\"" "window=\"5h\"} 0.8" "window=\"7d\"} 1" "hearth_plan_reset_seconds{"
expect body lacks "sk-ant"
