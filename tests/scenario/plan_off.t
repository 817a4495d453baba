# `plans: off` switches the regime off: no credential of a client goes to a plan, and its steps are skipped as that.
upstream plan openai key: passthrough, regime: plan, plan: { windows: [5h] }
upstream b openai
config <<X
plans: off
jobs:
  hard: { chain: [plan/claude-opus-5-5, b/m] }
X
script b reply "from b"
start
client POST /v1/chat/completions -H "authorization: Bearer sk-one" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
client POST /v1/chat/completions -H "authorization: Bearer sk-one" <<X
{"model":"plan/claude-opus-5-5","messages":[{"role":"user","content":"hello"}]}
X
expect status 503
expect json .error.message contains "plans are switched off"
expect seen plan requests 0
expect seen plan connections 0
