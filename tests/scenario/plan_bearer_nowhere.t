# Whatever becomes of its calls, a client's login is on the wire to its plan and to nobody else: not to the next step in any dialect, a hedge, a question about a server or what a job requires; nor in a file, a log, an explanation, an event, a metric, or in the error of another client.
upstream plan anthropic dialect: anthropic, url: "http://127.0.0.1:$plan", key: passthrough, regime: plan, plan: { windows: [5h] }
upstream deep deepseek key: "env:DEEP"
upstream closet ollama dialect: ollama, url: "http://127.0.0.1:$closet", place: home
upstream ant anthropic dialect: anthropic, url: "http://127.0.0.1:$ant", key: "env:ANT"
upstream need openai
env DEEP sk-deep-own
env ANT sk-ant-api-own
config <<X
jobs:
  hard: { chain: [plan/claude-opus-5-5, deep/m, closet/m, ant/m] }
  fast: { chain: [{ try: plan/claude-opus-5-5, hedge_after: 100ms }, deep/m] }
  needy: { chain: [plan/claude-opus-5-5, closet/m], requires: "http://127.0.0.1:$need/v1/models" }
  mine: { chain: [plan/claude-opus-5-5] }
aliases: { "claude-*": hard }
X
# the plan tells the login in each of its answers, as a hostile or a careless one would
script plan status 500 header anthropic-said "Bearer sk-ant-oat01-canary" body "{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"no luck with Bearer sk-ant-oat01-canary\"}}"; reply "late" first 1500; status 429 header anthropic-ratelimit-unified-status rejected header anthropic-ratelimit-unified-representative-claim sk-ant-oat01-canary header anthropic-ratelimit-unified-5h-status rejected header anthropic-ratelimit-unified-5h-reset $unix7200 body "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"spent: sk-ant-oat01-canary\"}}"
script deep status 500; reply "from deep"
script closet status 500; reply "from closet"
script ant reply "from ant"
start
keep token file data/admin-token
client events GET /hearth/v1/events -H "authorization: Bearer $token" &
client POST /v1/messages?beta=true -H "authorization: Bearer sk-ant-oat01-canary" -H "x-api-key: sk-ant-oat01-canary" -H "anthropic-version: 2023-06-01" -H "anthropic-beta: oauth-2025-04-20" <<X
{"model":"claude-opus-5-5","max_tokens":100,"messages":[{"role":"user","content":"one"}]}
X
expect body contains "from ant"
expect header x-hearth-attempts 4
keep first text <<X
$call
X
client POST /v1/messages -H "authorization: Bearer sk-ant-oat01-canary" -H "anthropic-version: 2023-06-01" -H "anthropic-beta: oauth-2025-04-20" <<X
{"model":"fast","max_tokens":100,"stream":true,"messages":[{"role":"user","content":"two"}]}
X
expect body contains "from "
expect header x-hearth-target deep/m
client POST /v1/messages -H "authorization: Bearer sk-ant-oat01-canary" -H "anthropic-version: 2023-06-01" <<X
{"model":"needy","max_tokens":100,"messages":[{"role":"user","content":"three"}]}
X
expect body contains "from closet"
keep spent text <<X
$call
X
client POST /v1/messages -H "authorization: Bearer sk-ant-oat01-canary" -H "anthropic-version: 2023-06-01" -H "x-hearth-boundary: home" <<X
{"model":"hard","max_tokens":100,"messages":[{"role":"user","content":"four"}]}
X
expect body contains "from closet"
# somebody else, without a login, reads nothing of it
client POST /v1/messages -H "anthropic-version: 2023-06-01" <<X
{"model":"mine","max_tokens":100,"messages":[{"role":"user","content":"five"}]}
X
expect status 401
expect body lacks "canary"
client POST /v1/messages -H "authorization: Bearer sk-ant-oat01-another" -H "anthropic-version: 2023-06-01" <<X
{"model":"mine","max_tokens":100,"messages":[{"role":"user","content":"six"}]}
X
expect status 429
expect wire plan contains "Bearer sk-ant-oat01-canary"
expect wire deep lacks "canary" "oauth-2025"
expect wire closet contains "GET /api/tags"
expect wire closet lacks "canary" "oauth-2025"
expect wire ant contains "sk-ant-api-own"
expect wire ant lacks "canary" "oauth-2025"
expect wire need contains "GET /v1/models"
expect wire need lacks "canary"
cli explain $first
expect cli contains "attempt 4"
expect cli lacks "canary"
cli explain $spent --json
expect cli contains "plan_spent"
expect cli lacks "canary"
cli usage --attempts --json
expect cli lacks "canary"
cli plan --json
expect cli contains "\"spent\":true"
expect cli lacks "canary"
client GET /hearth/v1/plan -H "authorization: Bearer $token"
expect body contains "rejected"
expect body lacks "canary"
client GET /metrics
expect body lacks "canary"
client GET /hearth/v1/calls/$first -H "authorization: Bearer $token"
expect status 200
expect body lacks "canary"
read events until "plan_spent"
abort events fin
expect files-lack "canary"
expect log contains "is spent"
expect log lacks "canary"
stop
expect files-lack "canary"
