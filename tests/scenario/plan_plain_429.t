# A plain 429 and an overload are no spent plan: the next call goes there again. One about the request itself goes to the client, and no credit is spent on it.
upstream plan openai key: passthrough, regime: plan, plan: { windows: [5h, 7d] }
upstream b openai
config <<X
jobs:
  hard: { chain: [plan/claude-opus-5-5, b/m] }
X
script plan status 429 header anthropic-ratelimit-unified-status allowed header anthropic-ratelimit-unified-5h-status allowed header retry-after 1; status 529; status 429 body "{\"error\":{\"type\":\"rate_limit_error\",\"message\":\"Extra usage is required for long context requests.\"}}"; reply "mine"
script b reply "from b"
start
client POST /v1/chat/completions -H "authorization: Bearer sk-one" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
expect header x-hearth-attempts 2
client POST /v1/chat/completions -H "authorization: Bearer sk-one" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
expect header x-hearth-attempts 2
client-until 429 4000 POST /v1/chat/completions -H "authorization: Bearer sk-one" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect json .error.message contains "Extra usage is required"
client POST /v1/chat/completions -H "authorization: Bearer sk-one" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect content "mine"
expect log lacks "is spent"
