# What a client shows goes to the passthrough upstream byte for byte and to nobody else: the next step, in whatever dialect, gets its own key; x-hearth-key reaches no one.
upstream plan anthropic dialect: anthropic, key: passthrough
upstream b openai key: "env:B_KEY"
upstream c anthropic dialect: anthropic, key: "env:C_KEY"
config <<X
loops: 1
jobs:
  hard: { chain: [plan/claude-opus-5-5, b/m, c/m] }
  same: { chain: [plan/claude-opus-5-5, c/m] }
X
env B_KEY sk-b-own
env C_KEY sk-c-own
script plan status 529 body "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}"
script b reply "from b"
script c reply "from c"
start
cli keys add house
keep house cli
client-until 200 2000 POST /v1/chat/completions -H "x-hearth-key: $house" <<X
{"model":"b/m","messages":[{"role":"user","content":"hello"}]}
X
client POST /v1/messages?beta=true -H "authorization: Bearer sk-ant-oat-mine" -H "x-hearth-key: $house" -H "anthropic-beta: oauth-2025-04-20,claude-code-20250219" -H "user-agent: claude-cli/2.1 (external, cli)" -H "x-app: cli" -H "x-claude-code-session-id: s-77" -H "x-stainless-lang: js" <<X
{"model":"hard","max_tokens":100,"messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect content "from b"
expect request plan header authorization "Bearer sk-ant-oat-mine"
expect request plan header anthropic-beta "oauth-2025-04-20,claude-code-20250219"
expect request plan header user-agent "claude-cli/2.1 (external, cli)"
expect request plan header x-claude-code-session-id "s-77"
expect request plan head lacks "x-hearth" "hearth_"
expect request b header authorization "Bearer sk-b-own"
expect request b head lacks "sk-ant-oat" "x-hearth" "hearth_" "anthropic" "claude" "stainless" "x-app"
client POST /v1/messages -H "authorization: Bearer sk-ant-oat-mine" -H "x-hearth-key: $house" -H "anthropic-beta: oauth-2025-04-20,claude-code-20250219" -H "user-agent: claude-cli/2.1 (external, cli)" <<X
{"model":"same","max_tokens":100,"messages":[{"role":"user","content":"hello"}]}
X
expect content "from c"
expect request c header x-api-key "sk-c-own"
expect request c header anthropic-beta "claude-code-20250219"
expect request c head lacks "sk-ant-oat" "oauth" "x-hearth" "hearth_" "claude-cli"
client POST /v1/chat/completions -H "authorization: Bearer sk-ant-oat-mine" -H "x-hearth-key: $house" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
expect seen plan requests 1..2
expect files-lack "sk-ant-oat"
expect log lacks "sk-ant-oat"
