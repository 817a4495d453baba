# Claude Code under its plan: open, warning, spent in the middle of a tool loop, on with DeepSeek, and after the reset back at Anthropic with a history that it takes; the credential is nowhere else.
# plain: libfaketime and a sanitizer both want to be loaded first.
upstream plan anthropic
upstream deep deepseek
env DEEP sk-deepseek-own
config alone <<X
upstreams:
  plan: { vendor: anthropic, dialect: anthropic, url: "http://127.0.0.1:$plan", key: passthrough, regime: plan, plan: { monthly: 100 USD, windows: [5h, 7d] } }
  deep: { vendor: deepseek, dialect: openai, url: "http://127.0.0.1:$deep/v1", key: env:DEEP }
jobs:
  hard: { chain: [plan/claude-opus-5-5, deep/deepseek-v4-pro] }
aliases: { "claude-*": hard }
prices:
  plan/claude-opus-5-5: { input: 5, output: 25 }
  deep/deepseek-v4-pro: { input: 1, output: 2 }
X
script plan reply "I will look." reasoning "Where is it?" tool read {"path":"a"} usage 100 10 header anthropic-ratelimit-unified-status allowed header anthropic-ratelimit-unified-5h-status allowed header anthropic-ratelimit-unified-5h-utilization 0.42 header anthropic-ratelimit-unified-5h-reset 1795269600 header anthropic-ratelimit-unified-7d-status allowed header anthropic-ratelimit-unified-7d-utilization 0.1 header anthropic-ratelimit-unified-7d-reset 1795787999 header anthropic-ratelimit-unified-representative-claim five_hour header anthropic-ratelimit-requests-remaining 49 header x-should-retry false; reply "nearly" header anthropic-ratelimit-unified-status allowed_warning header anthropic-ratelimit-unified-5h-status allowed_warning header anthropic-ratelimit-unified-5h-utilization 0.93 header anthropic-ratelimit-unified-5h-surpassed-threshold 0.9 header anthropic-ratelimit-unified-5h-reset 1795269600; status 429 header anthropic-ratelimit-unified-status rejected header anthropic-ratelimit-unified-5h-status rejected header anthropic-ratelimit-unified-5h-utilization 1.01 header anthropic-ratelimit-unified-5h-reset 1795269600 header retry-after 3600; reply "home again" usage 100 10 header anthropic-ratelimit-unified-status allowed header anthropic-ratelimit-unified-5h-status allowed header anthropic-ratelimit-unified-5h-utilization 0.01 header anthropic-ratelimit-unified-5h-reset 1795287600
script deep reply "" reasoning "Read b, too." tool read {"path":"b"} usage 100 100
clock 2026-11-21T13:00:00Z
start
client POST /v1/messages?beta=true -H "authorization: Bearer sk-ant-oat01-mine" -H "anthropic-version: 2023-06-01" -H "anthropic-beta: claude-code-20250219,oauth-2025-04-20,context-management-2025-06-27" -H "anthropic-dangerous-direct-browser-access: true" -H "x-app: cli" -H "x-claude-code-session-id: 5e55" -H "x-stainless-lang: js" -H "user-agent: claude-cli/2.1.181 (external, cli)" -H "x-hearth-tags: work" <<X
{"model":"claude-opus-5-5","max_tokens":32000,"stream":true,"thinking":{"type":"adaptive"},"context_management":{"edits":[{"type":"clear_thinking_20251015","keep":"all"}]},"metadata":{"user_id":"user_1"},"system":[{"type":"text","text":"x-anthropic-billing-header: cc_version=2.1.181; cc_entrypoint=cli; cch=00000;"},{"type":"text","text":"You are Claude Code.","cache_control":{"type":"ephemeral"}}],"tools":[{"name":"read","description":"reads","input_schema":{"type":"object","properties":{"path":{"type":"string"}}}}],"messages":[{"role":"user","content":"look at a"}]}
X
expect status 200
expect header x-hearth-regime plan
expect header anthropic-ratelimit-unified-status allowed
expect header anthropic-ratelimit-unified-5h-utilization 0.42
expect header anthropic-ratelimit-unified-7d-reset 1795787999
expect header anthropic-ratelimit-unified-representative-claim five_hour
expect header anthropic-ratelimit-requests-remaining 49
expect header request-id like "req_*"
expect header x-should-retry false
expect body contains "signature_delta" "EqQBsimulated" "toolu_simulated1" "message_stop"
expect request plan header authorization "Bearer sk-ant-oat01-mine"
expect request plan header anthropic-beta "claude-code-20250219,oauth-2025-04-20,context-management-2025-06-27"
expect request plan header x-claude-code-session-id "5e55"
expect request plan header user-agent "claude-cli/2.1.181 (external, cli)"
expect request plan header-absent x-hearth-tags
expect request plan json .system[0].text like "x-anthropic-billing-header*"
expect request plan body contains "\"context_management\":{\"edits\":[{\"type\":\"clear_thinking_20251015\",\"keep\":\"all\"}]}"
client POST /v1/messages?beta=true -H "authorization: Bearer sk-ant-oat01-mine" -H "anthropic-version: 2023-06-01" -H "anthropic-beta: oauth-2025-04-20" <<X
{"model":"claude-opus-5-5","max_tokens":100,"messages":[{"role":"user","content":"how much is left?"}]}
X
expect body contains "nearly"
expect header anthropic-ratelimit-unified-5h-surpassed-threshold 0.9
expect header anthropic-ratelimit-unified-status allowed_warning
client POST /v1/messages?beta=true -H "authorization: Bearer sk-ant-oat01-mine" -H "anthropic-version: 2023-06-01" -H "anthropic-beta: claude-code-20250219,oauth-2025-04-20,context-management-2025-06-27" -H "x-claude-code-session-id: 5e55" <<X
{"model":"claude-opus-5-5","max_tokens":32000,"stream":true,"thinking":{"type":"adaptive"},"context_management":{"edits":[{"type":"clear_thinking_20251015","keep":"all"}]},"metadata":{"user_id":"user_1"},"system":[{"type":"text","text":"x-anthropic-billing-header: cc_version=2.1.181; cc_entrypoint=cli; cch=00000;"},{"type":"text","text":"You are Claude Code.","cache_control":{"type":"ephemeral"}}],"tools":[{"name":"read","description":"reads","input_schema":{"type":"object","properties":{"path":{"type":"string"}}}}],"messages":[{"role":"user","content":"look at a"},{"role":"assistant","content":[{"type":"thinking","thinking":"Where is it?","signature":"EqQBsimulated"},{"type":"text","text":"I will look."},{"type":"tool_use","id":"toolu_simulated1","name":"read","input":{"path":"a"}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_simulated1","content":"see b"}]}]}
X
expect status 200
expect header x-hearth-target deep/deepseek-v4-pro
expect header x-hearth-regime credit
expect header x-hearth-attempts 2
expect log count 1 "its 5h window is spent"
expect body contains "\"type\":\"thinking_delta\"" "Read b, " "\"type\":\"tool_use\"" "message_stop"
expect request deep header authorization "Bearer sk-deepseek-own"
expect request deep header-absent anthropic-beta
expect request deep header-absent x-claude-code-session-id
expect request deep head lacks "sk-ant" "claude-cli"
expect request deep body lacks "sk-ant" "billing-header" "context_management" "EqQBsimulated"
expect request deep json .messages[2].tool_calls[0].id "toolu_simulated1"
expect request deep json .messages[2].reasoning_content "Where is it?"
expect request deep json .messages[3].tool_call_id "toolu_simulated1"
expect request deep json .messages[0].content contains "You are Claude Code."
kill
start
script deep reply "done with b" usage 100 100
client POST /v1/messages?beta=true -H "authorization: Bearer sk-ant-oat01-mine" -H "anthropic-version: 2023-06-01" -H "anthropic-beta: claude-code-20250219,oauth-2025-04-20" <<X
{"model":"claude-opus-5-5","max_tokens":32000,"thinking":{"type":"adaptive"},"tools":[{"name":"read","description":"reads","input_schema":{"type":"object","properties":{"path":{"type":"string"}}}}],"messages":[{"role":"user","content":"look at a"},{"role":"assistant","content":[{"type":"thinking","thinking":"Where is it?","signature":"EqQBsimulated"},{"type":"text","text":"I will look."},{"type":"tool_use","id":"toolu_simulated1","name":"read","input":{"path":"a"}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_simulated1","content":"see b"}]},{"role":"assistant","content":[{"type":"thinking","thinking":"Read b, too.","signature":""},{"type":"tool_use","id":"hx_functions-2Eread-3A0","name":"read","input":{"path":"b"}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"hx_functions-2Eread-3A0","content":"it is here"}]}]}
X
expect status 200
expect header x-hearth-attempts 1
expect body contains "done with b"
expect seen plan requests 3
expect request deep json .messages[3].tool_calls[0].id "functions.read:0"
expect request deep json .messages[3].reasoning_content "Read b, too."
expect request deep json .messages[4].tool_call_id "functions.read:0"
clock 2026-11-21T14:00:45Z
client POST /v1/messages?beta=true -H "authorization: Bearer sk-ant-oat01-mine" -H "anthropic-version: 2023-06-01" -H "anthropic-beta: claude-code-20250219,oauth-2025-04-20,context-management-2025-06-27" <<X
{"model":"claude-opus-5-5","max_tokens":32000,"thinking":{"type":"adaptive"},"context_management":{"edits":[{"type":"clear_thinking_20251015","keep":"all"}]},"metadata":{"user_id":"user_1"},"system":[{"type":"text","text":"x-anthropic-billing-header: cc_version=2.1.181; cc_entrypoint=cli; cch=00000;"},{"type":"text","text":"You are Claude Code.","cache_control":{"type":"ephemeral"}}],"tools":[{"name":"read","description":"reads","input_schema":{"type":"object","properties":{"path":{"type":"string"}}}}],"messages":[{"role":"user","content":"look at a"},{"role":"assistant","content":[{"type":"thinking","thinking":"Where is it?","signature":"EqQBsimulated"},{"type":"text","text":"I will look."},{"type":"tool_use","id":"toolu_simulated1","name":"read","input":{"path":"a"}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_simulated1","content":"see b"}]},{"role":"assistant","content":[{"type":"thinking","thinking":"Read b, too.","signature":""},{"type":"tool_use","id":"hx_functions-2Eread-3A0","name":"read","input":{"path":"b"}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"hx_functions-2Eread-3A0","content":"it is here"}]}]}
X
expect status 200
expect body contains "home again"
expect header x-hearth-target plan/claude-opus-5-5
expect header x-hearth-regime plan
expect header anthropic-ratelimit-unified-5h-utilization 0.01
expect log count 1 "its 5h window is open again"
expect request plan json .messages[1].content[0].signature "EqQBsimulated"
expect request plan json .messages[3].content[0].type "tool_use"
expect request plan json .messages[3].content[0].id "hx_functions-2Eread-3A0"
expect request plan json .messages[4].content[0].tool_use_id "hx_functions-2Eread-3A0"
expect request plan body lacks "Read b, too."
expect request plan json .thinking.type "adaptive"
expect request plan json .system[0].text like "x-anthropic-billing-header*"
expect request plan json .system[1].cache_control.type "ephemeral"
expect request plan json .metadata.user_id "user_1"
expect request plan header authorization "Bearer sk-ant-oat01-mine"
expect seen plan requests 4
expect seen deep requests 2
expect files-lack "sk-ant-oat01"
expect log lacks "sk-ant-oat01"
