# A streamed 200 that Anthropic bills beside the plan: the client reads the stream and the headers as they are, the books say credit, and the next call goes elsewhere.
upstream plan anthropic
upstream deep deepseek
config alone <<X
upstreams:
  plan: { vendor: anthropic, dialect: anthropic, url: "http://127.0.0.1:$plan", key: passthrough, regime: plan, plan: { windows: [5h] } }
  deep: { url: "http://127.0.0.1:$deep/v1" }
jobs:
  hard: { chain: [plan/claude-opus-5-5, deep/m] }
prices:
  plan/claude-opus-5-5: { input: 5, output: 25 }
X
script plan reply "paid for" usage 100 10 header anthropic-ratelimit-unified-status allowed header anthropic-ratelimit-unified-5h-status rejected header anthropic-ratelimit-unified-5h-reset $unix7200 header anthropic-ratelimit-unified-overage-status allowed header anthropic-ratelimit-unified-overage-in-use true
script deep reply "from deep"
start
client POST /v1/messages -H "authorization: Bearer sk-ant-oat01-mine" -H "anthropic-version: 2023-06-01" <<X
{"model":"hard","max_tokens":100,"stream":true,"messages":[{"role":"user","content":"one"}]}
X
expect body contains "paid " "message_stop"
expect header anthropic-ratelimit-unified-overage-in-use true
expect header x-hearth-regime credit
expect ledger last regime credit cost_nusd 750000 target plan/claude-opus-5-5
client POST /v1/messages -H "authorization: Bearer sk-ant-oat01-mine" -H "anthropic-version: 2023-06-01" <<X
{"model":"hard","max_tokens":100,"stream":true,"messages":[{"role":"user","content":"two"}]}
X
expect body contains "from " "deep"
expect header x-hearth-attempts 1
expect seen plan requests 1
