# An Anthropic client at an Anthropic upstream: bytes but for the model's name, unknown members and betas included; the answer's bytes and limits untouched.
upstream a anthropic dialect: anthropic, key: "env:A_KEY"
config <<X
loops: 1
jobs:
  bulk: { chain: [a/claude-new] }
X
env A_KEY sk-ant-house-1
script a status 200 header content-type application/json header anthropic-ratelimit-requests-remaining 41 header set-cookie x=1 body <<X
{"id":"msg_1","type":"message", "role":"assistant","model":"claude-new","content":[{"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{}},{"type":"text","text":"hi","x_new":[1.0]}],"stop_reason":"pause_turn","stop_sequence":null,"x_later":{"k":"\u00e9"},"usage":{"input_tokens":10,"cache_creation_input_tokens":20,"cache_read_input_tokens":30,"output_tokens":5}}
X
start
client POST /v1/messages?beta=true -H "x-api-key: sk-ant-client" -H "anthropic-version: 2023-06-01" -H "anthropic-beta: oauth-2025-04-20,context-1m-2025-08-07" -H "anthropic-beta: skills-2025-10-02" -H "user-agent: claude-cli/2.1" -H "x-claude-code-session-id: s1" <<X
{ "model":"bulk", "max_tokens" : 100,
 "context_management":{"edits":[ ]}, "messages":[{"role":"user","content":[{"type":"container_upload","file_id":"file_1"},{"type":"text","text":"h\u00e9y","cache_control":{"type":"ephemeral","ttl":"1h"}}]}], "x_unknown":[1.50,12345678901234567890] }
X
expect status 200
expect request a body <<X
{ "model":"claude-new", "max_tokens" : 100,
 "context_management":{"edits":[ ]}, "messages":[{"role":"user","content":[{"type":"container_upload","file_id":"file_1"},{"type":"text","text":"h\u00e9y","cache_control":{"type":"ephemeral","ttl":"1h"}}]}], "x_unknown":[1.50,12345678901234567890] }
X
expect request a head contains "POST /v1/messages HTTP" "context-1m-2025-08-07" "skills-2025-10-02"
expect request a head lacks "oauth-" "claude-cli" "x-claude" "sk-ant-client"
expect request a header x-api-key "sk-ant-house-1"
expect request a header anthropic-version "2023-06-01"
expect request a header-absent authorization
expect body <<X
{"id":"msg_1","type":"message", "role":"assistant","model":"claude-new","content":[{"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{}},{"type":"text","text":"hi","x_new":[1.0]}],"stop_reason":"pause_turn","stop_sequence":null,"x_later":{"k":"\u00e9"},"usage":{"input_tokens":10,"cache_creation_input_tokens":20,"cache_read_input_tokens":30,"output_tokens":5}}
X
expect header anthropic-ratelimit-requests-remaining 41
expect header request-id like "req_*"
expect header-absent set-cookie
expect header-absent x-hearth-lost
expect ledger last outcome done input 60 cached 30 cache_write 20 output 5 estimated false
