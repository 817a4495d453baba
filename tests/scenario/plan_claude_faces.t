# Overflow to a vendor's own Anthropic face: who calls and the credential's beta stay behind; what that vendor sealed does not go back to Anthropic, and a seal that Anthropic refuses all the same costs one more try.
upstream plan anthropic
upstream deep deepseek
env DEEP sk-deepseek-own
config alone <<X
upstreams:
  plan: { vendor: anthropic, dialect: anthropic, url: "http://127.0.0.1:$plan", key: passthrough, regime: plan, plan: { windows: [5h] } }
  deep: { vendor: deepseek, dialect: anthropic, url: "http://127.0.0.1:$deep", key: env:DEEP }
jobs:
  hard: { chain: [plan/claude-opus-5-5, deep/deepseek-v4-pro] }
  small: { chain: [plan/claude-haiku-4-5, deep/deepseek-v4-pro] }
aliases: { "claude-opus-*": hard, "claude-haiku-*": small }
X
script plan status 429 header anthropic-ratelimit-unified-status rejected header anthropic-ratelimit-unified-7d_opus-status rejected header anthropic-ratelimit-unified-7d_opus-reset $unix90000
script deep reply "from deep"
start
client POST /v1/messages?beta=true -H "authorization: Bearer sk-ant-oat01-mine" -H "x-hearth-task: t" -H "anthropic-version: 2023-06-01" -H "anthropic-beta: claude-code-20250219,oauth-2025-04-20" <<X
{"model":"claude-opus-5-5","max_tokens":32000,"thinking":{"type":"adaptive"},"metadata":{"user_id":"user_1"},"system":[{"type":"text","text":"x-anthropic-billing-header: cc_version=2.1.181; cch=1;"},{"type":"text","text":"You are Claude Code.","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"thinking","thinking":"mine","signature":""},{"type":"text","text":"b"}]},{"role":"user","content":"c"}]}
X
expect body contains "from deep"
expect request deep header anthropic-beta "claude-code-20250219"
expect request deep header-absent authorization
expect request deep header x-api-key "sk-deepseek-own"
expect request deep head lacks "sk-ant"
expect request deep json .system[0].text "You are Claude Code."
expect request deep json .messages[1].content[0].thinking "mine"
expect request deep json .model "deepseek-v4-pro"
script plan reply "home"
client POST /v1/messages?beta=true -H "authorization: Bearer sk-ant-oat01-mine" -H "anthropic-version: 2023-06-01" -H "anthropic-beta: oauth-2025-04-20" <<X
{"model":"claude-haiku-4-5","max_tokens":32000,"thinking":{"type":"enabled","budget_tokens":4000},"context_management":{"edits":[{"type":"clear_thinking_20251015","keep":"all"},{"type":"clear_tool_uses_20250919"}]},"tools":[{"name":"read","input_schema":{"type":"object"}}],"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"thinking","thinking":"theirs","signature":"91cfbb94-554b-4136-8e21-fa02280d56ed"},{"type":"tool_use","id":"call_00_x","name":"read","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"call_00_x","content":"d"}]}]}
X
expect body contains "home"
expect request plan json .messages[1].content[0].type "tool_use"
expect request plan body lacks "theirs" "91cfbb94"
expect request plan json .thinking absent
expect request plan json .context_management.edits[0].type "clear_tool_uses_20250919"
expect request plan json .context_management.edits[1] absent
client POST /v1/messages?beta=true -H "authorization: Bearer sk-ant-oat01-mine" -H "anthropic-version: 2023-06-01" -H "anthropic-beta: oauth-2025-04-20" <<X
{"model":"claude-haiku-4-5","max_tokens":32000,"thinking":{"type":"enabled","budget_tokens":4000},"context_management":{"edits":[{"type":"clear_thinking_20251015","keep":"all"}]},"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"thinking","thinking":"ours","signature":"EqQBsimulated"},{"type":"text","text":"b"}]},{"role":"user","content":"c"}]}
X
expect body contains "home"
expect request plan json .messages[1].content[0].signature "EqQBsimulated"
expect request plan json .thinking.budget_tokens 4000
expect request plan json .context_management.edits[0].type "clear_thinking_20251015"
script plan status 400 body "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"messages.1.content.0: Invalid `signature` in `thinking` block\"}}"; reply "home after all"
client POST /v1/messages?beta=true -H "authorization: Bearer sk-ant-oat01-mine" -H "anthropic-version: 2023-06-01" -H "anthropic-beta: oauth-2025-04-20" <<X
{"model":"claude-haiku-4-5","max_tokens":32000,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"thinking","thinking":"theirs","signature":"c2VhbGVkIGVsc2V3aGVyZQ=="},{"type":"text","text":"b"}]},{"role":"user","content":"c"}]}
X
expect body contains "home after all"
expect header x-hearth-attempts 2
expect header x-hearth-target plan/claude-haiku-4-5
expect request plan body lacks "theirs" "c2VhbGVk"
script plan status 400 body "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"messages.1.content.0: Invalid `signature` in `thinking` block\"}}"
forget plan
client POST /v1/messages?beta=true -H "authorization: Bearer sk-ant-oat01-mine" -H "anthropic-version: 2023-06-01" -H "anthropic-beta: oauth-2025-04-20" <<X
{"model":"claude-haiku-4-5","max_tokens":32000,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"thinking","thinking":"theirs","signature":"c2VhbGVkIGVsc2V3aGVyZQ=="},{"type":"text","text":"b"}]},{"role":"user","content":"c"}]}
X
expect status 400
expect json .error.message contains "Invalid `signature`"
expect seen plan requests 2
