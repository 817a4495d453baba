# A clock that is wrong by an hour, here or there, moves no reset: it is reckoned from the provider's own. A wall clock that is set back afterwards makes nobody wait longer, one that jumps ahead costs one probe.
# plain: libfaketime and a sanitizer both want to be loaded first.
upstream plan anthropic
upstream deep deepseek
config alone <<X
upstreams:
  plan: { vendor: anthropic, dialect: anthropic, url: "http://127.0.0.1:$plan", key: passthrough, regime: plan, plan: { windows: [5h] } }
  deep: { url: "http://127.0.0.1:$deep/v1" }
jobs:
  hard: { chain: [plan/claude-opus-5-5, deep/m] }
X
script plan status 429 header date "Sat, 21 Nov 2026 12:00:00 GMT" header anthropic-ratelimit-unified-status rejected header anthropic-ratelimit-unified-5h-status rejected header anthropic-ratelimit-unified-5h-reset 1795264200
script deep reply "from deep"
clock 2026-11-21T13:00:00Z
start
client POST /v1/messages -H "authorization: Bearer sk-ant-oat01-mine" -H "anthropic-version: 2023-06-01" <<X
{"model":"hard","max_tokens":100,"messages":[{"role":"user","content":"one"}]}
X
expect body contains "from deep"
client POST /v1/messages -H "authorization: Bearer sk-ant-oat01-mine" -H "anthropic-version: 2023-06-01" <<X
{"model":"plan/claude-opus-5-5","max_tokens":100,"messages":[{"role":"user","content":"one"}]}
X
expect status 429
expect json .error.message contains "until 2026-11-21T13:30"
expect header retry-after under 1900
clock 2026-11-20T13:00:00Z
client POST /v1/messages -H "authorization: Bearer sk-ant-oat01-mine" -H "anthropic-version: 2023-06-01" <<X
{"model":"plan/claude-opus-5-5","max_tokens":100,"messages":[{"role":"user","content":"one"}]}
X
expect status 429
expect header retry-after under 1900
expect seen plan requests 1
clock 2026-11-22T13:00:00Z
client POST /v1/messages -H "authorization: Bearer sk-ant-oat01-mine" -H "anthropic-version: 2023-06-01" <<X
{"model":"hard","max_tokens":100,"messages":[{"role":"user","content":"one"}]}
X
expect body contains "from deep"
expect seen plan requests 2
