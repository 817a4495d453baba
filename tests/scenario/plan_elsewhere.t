# `hearth plan --watch` tells the daemon what a client's own logs show: it is shown as an estimate beside Hearth, survives a restart, and spends nothing.
# plain: libfaketime and a sanitizer both want to be loaded first.
upstream plan openai key: passthrough, regime: plan, plan: { monthly: 100 USD, windows: [5h, 7d] }
config <<X
jobs:
  hard: { chain: [plan/claude-opus-5-5] }
X
script plan reply "from plan"
clock 2026-11-21T13:00:00Z
file one.jsonl <<X
{"type":"user","timestamp":"2026-11-21T11:59:00.000Z"}
{"type":"assistant","timestamp":"2026-11-21T12:00:00.000Z","requestId":"req_1","message":{"id":"msg_1","model":"claude-opus-5-5","usage":{"input_tokens":100000,"cache_read_input_tokens":0,"output_tokens":10000}}}
{"type":"assistant","timestamp":"2026-11-21T12:30:00.000Z","requestId":"req_2","message":{"id":"msg_2","model":"claude-opus-5-5","usage":{"input_tokens":100000,"cache_read_input_tokens":0,"output_tokens":10000}}}

X
cli plan --watch . --once
expect cli status 0
expect cli contains "5-hour block 2 answers" "the daemon is not told"
start
keep token file data/admin-token
client POST /hearth/v1/plan/estimate <<X
{"windows":[{"window":"5h","list_nusd":1}]}
X
expect status 401
client POST /hearth/v1/plan/estimate -H "authorization: Bearer $token" <<X
{"windows":[{"window":"5 hours","list_nusd":1}]}
X
expect status 400
expect json .error.message contains "a span like 5h"
client POST /hearth/v1/plan/estimate -H "authorization: Bearer $token" <<X
{"upstream":"other","windows":[{"window":"5h","list_nusd":1}]}
X
expect status 404
cli plan --watch . --once
expect cli status 0
expect cli lacks "is not told"
client GET /hearth/v1/plan -H "authorization: Bearer $token"
expect json .plans[0].credentials[0].elsewhere "true"
expect json .plans[0].credentials[0].windows[0].window "5h"
expect json .plans[0].credentials[0].windows[0].source "estimate"
expect json .plans[0].credentials[0].windows[0].own_nusd "1200000000"
expect json .plans[0].credentials[0].windows[0].resets like "2026-11-21T17:00*"
expect json .plans[0].credentials[0].windows[0].spent "false"
client POST /v1/chat/completions -H "authorization: Bearer sk-one" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect content "from plan"
kill
start
cli plan
expect cli contains "beside Hearth, by a client's own logs, told 13:0" "(estimate); $ 1.200000 at list prices" "resets about 17:00"
