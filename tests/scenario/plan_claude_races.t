# Two conversations under one credential are under way when the window is spent: each overflows by itself, it is said once, and an answer to the one that had begun before opens nothing.
upstream plan anthropic
upstream deep deepseek
config alone <<X
upstreams:
  plan: { vendor: anthropic, dialect: anthropic, url: "http://127.0.0.1:$plan", key: passthrough, regime: plan, plan: { windows: [5h] } }
  deep: { url: "http://127.0.0.1:$deep/v1" }
jobs:
  hard: { chain: [plan/claude-opus-5-5, deep/m] }
X
script plan status 429 first 600 header anthropic-ratelimit-unified-status rejected header anthropic-ratelimit-unified-5h-status rejected header anthropic-ratelimit-unified-5h-reset $unix7200; status 429 first 700 header anthropic-ratelimit-unified-status rejected header anthropic-ratelimit-unified-5h-status rejected header anthropic-ratelimit-unified-5h-reset $unix7200; reply "had begun before" first 900 header anthropic-ratelimit-unified-status allowed header anthropic-ratelimit-unified-5h-status allowed; reply "never"
script deep reply "from deep"
start
client one POST /v1/messages -H "authorization: Bearer sk-ant-oat01-mine" -H "anthropic-version: 2023-06-01" <<X &
{"model":"hard","max_tokens":100,"messages":[{"role":"user","content":"one"}]}
X
client two POST /v1/messages -H "authorization: Bearer sk-ant-oat01-mine" -H "anthropic-version: 2023-06-01" <<X &
{"model":"hard","max_tokens":100,"messages":[{"role":"user","content":"two"}]}
X
client three POST /v1/messages -H "authorization: Bearer sk-ant-oat01-mine" -H "anthropic-version: 2023-06-01" <<X &
{"model":"hard","max_tokens":100,"messages":[{"role":"user","content":"three"}]}
X
wait one
expect status 200
wait two
expect status 200
wait three
expect status 200
expect seen plan requests 3
expect seen deep requests 2
expect log count 1 "its 5h window is spent"
expect log lacks "is open again"
client POST /v1/messages -H "authorization: Bearer sk-ant-oat01-mine" -H "anthropic-version: 2023-06-01" <<X
{"model":"hard","max_tokens":100,"messages":[{"role":"user","content":"four"}]}
X
expect body contains "from deep"
expect header x-hearth-attempts 1
expect seen plan requests 3
