# After the reset one call goes first and finds out; the others overflow until it is answered. Other credentials never rested.
# plain: libfaketime and a sanitizer both want to be loaded first.
upstream plan openai key: passthrough, regime: plan, plan: { windows: [5h] }
upstream b openai
config <<X
jobs:
  hard: { chain: [plan/claude-opus-5-5, b/m] }
X
script plan status 429 header anthropic-ratelimit-unified-status rejected header anthropic-ratelimit-unified-5h-status rejected header anthropic-ratelimit-unified-5h-reset 1795269600; reply "other"; reply "probe" first 1500; reply "from plan"
script b reply "from b"
clock 2026-11-21T13:00:00Z
start
client POST /v1/chat/completions -H "authorization: Bearer sk-one" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
client POST /v1/chat/completions -H "authorization: Bearer sk-two" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect content "other"
clock 2026-11-21T14:00:45Z
probe plan 3 4000 POST /v1/chat/completions -H "authorization: Bearer sk-one" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
burst 5 POST /v1/chat/completions -H "authorization: Bearer sk-one" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect burst 5 body "from b"
expect seen plan requests 3
wait probe
expect content "probe"
client POST /v1/chat/completions -H "authorization: Bearer sk-one" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect content "from plan"
