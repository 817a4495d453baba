# Anthropic's refusals under a plan: one about the request goes to the client untouched, with its headers, and no credit is spent; where nobody else is in the chain the client reads the windows too; Hearth's own key never reaches the vendor.
upstream plan anthropic
upstream b openai
config alone <<X
upstreams:
  plan: { vendor: anthropic, dialect: anthropic, url: "http://127.0.0.1:$plan", key: passthrough, regime: plan, plan: { windows: [5h, 7d] } }
  b: { url: "http://127.0.0.1:$b/v1" }
jobs:
  hard: { chain: [plan/claude-opus-5-5, b/m] }
aliases: { "claude-opus-*": hard }
X
script plan status 429 header retry-after 12 header x-should-retry true header anthropic-ratelimit-requests-limit 50 body "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"Extra usage is required for long context requests.\"},\"request_id\":\"req_9\"}"; status 529 body "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}"; status 401 body "{\"type\":\"error\",\"error\":{\"type\":\"authentication_error\",\"message\":\"OAuth token has expired.\"}}"; status 429 header anthropic-ratelimit-unified-status rejected header anthropic-ratelimit-unified-representative-claim five_hour header anthropic-ratelimit-unified-5h-status rejected header anthropic-ratelimit-unified-5h-reset $unix7200 header anthropic-ratelimit-unified-overage-status rejected header anthropic-ratelimit-unified-overage-disabled-reason out_of_credits header retry-after 7200
script b reply "from b"
start
cli keys add laptop
keep ours cli
client-until 429 4000 POST /v1/messages?beta=true -H "authorization: Bearer sk-ant-oat01-mine" -H "x-hearth-key: $ours" -H "anthropic-version: 2023-06-01" -H "anthropic-beta: oauth-2025-04-20" <<X
{"model":"claude-opus-5-5","max_tokens":100,"stream":true,"messages":[{"role":"user","content":"hello"}]}
X
expect status 429
expect body is "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"Extra usage is required for long context requests.\"},\"request_id\":\"req_9\"}"
expect header retry-after 12
expect header x-should-retry true
expect header anthropic-ratelimit-requests-limit 50
expect header request-id like "req_*"
expect seen b requests 0
expect request plan header authorization "Bearer sk-ant-oat01-mine"
expect request plan header-absent x-hearth-key
expect request plan head lacks "hearth_" "x-hearth"
client POST /v1/messages?beta=true -H "authorization: Bearer sk-ant-oat01-mine" -H "anthropic-version: 2023-06-01" <<X
{"model":"claude-opus-5-5","max_tokens":100,"messages":[{"role":"user","content":"hello"}]}
X
expect body contains "from b"
expect header-absent anthropic-ratelimit-requests-limit
client-until 401 4000 POST /v1/messages?beta=true -H "authorization: Bearer sk-ant-oat01-mine" -H "anthropic-version: 2023-06-01" <<X
{"model":"claude-opus-5-5","max_tokens":100,"messages":[{"role":"user","content":"hello"}]}
X
expect body is "{\"type\":\"error\",\"error\":{\"type\":\"authentication_error\",\"message\":\"OAuth token has expired.\"}}"
client POST /v1/messages?beta=true -H "authorization: Bearer sk-ant-oat01-mine" -H "anthropic-version: 2023-06-01" <<X
{"model":"plan/claude-opus-5-5","max_tokens":100,"messages":[{"role":"user","content":"hello"}]}
X
expect status 429
expect json .error.type "rate_limit_error"
expect json .error.message contains "a window of its plan is spent"
expect header anthropic-ratelimit-unified-status rejected
expect header anthropic-ratelimit-unified-representative-claim five_hour
expect header anthropic-ratelimit-unified-5h-reset any
expect header anthropic-ratelimit-unified-overage-disabled-reason out_of_credits
expect header retry-after over 7199
expect log lacks "sk-ant-oat01"
expect files-lack "sk-ant-oat01"
