# a tool whose name the upstream would refuse goes under another, and its calls come back under its own
upstream a anthropic vendor: anthropic, dialect: anthropic
upstream o openai vendor: openai, dialect: openai
config <<X
jobs:
  claude: { chain: [ { try: a/claude-haiku-4-5 } ] }
  gpt: { chain: [ { try: o/gpt-5.4-mini } ] }
X
start
script a tool hx_files-2Eread "{\"path\":\"x\"}"
client POST /v1/chat/completions <<X
{"model":"claude","tools":[{"type":"function","function":{"name":"files.read"}}],"tool_choice":{"type":"function","function":{"name":"files.read"}},"messages":[{"role":"user","content":"Read."},{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"files.read","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c","content":"r"}]}
X
expect status 200
expect json .choices[0].message.tool_calls[0].function.name "files.read"
expect request a json .tools[0].name "hx_files-2Eread"
expect request a json .tool_choice.name "hx_files-2Eread"
expect request a json .messages[1].content[0].name "hx_files-2Eread"
client POST /v1/chat/completions <<X
{"model":"claude","stream":true,"tools":[{"type":"function","function":{"name":"files.read"}}],"messages":[{"role":"user","content":"Read."}]}
X
expect status 200
expect body contains "\"name\":\"files.read\""
expect body lacks "hx_"
# what fits in Claude's dialect may be too long for OpenAI's
script o tool hx_mcp__a_server_with_a_long_name__and_a_tool_w_089da8aeed7d927a "{}"
client POST /v1/messages <<X
{"model":"gpt","max_tokens":100,"tools":[{"name":"mcp__a_server_with_a_long_name__and_a_tool_with_one_that_is_long_as_well","input_schema":{"type":"object"}}],"messages":[{"role":"user","content":"Read."}]}
X
expect status 200
expect request o json .tools[0].function.name "hx_mcp__a_server_with_a_long_name__and_a_tool_w_089da8aeed7d927a"
expect json .content[0].name "mcp__a_server_with_a_long_name__and_a_tool_with_one_that_is_long_as_well"
