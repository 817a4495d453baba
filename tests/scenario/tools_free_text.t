# a tool that takes free text goes as a function where only those are known, and is called with free text all the same
upstream a anthropic vendor: anthropic, dialect: anthropic
config <<X
jobs:
  claude: { chain: [ { try: a/claude-haiku-4-5 } ] }
X
start
script a tool patch "{\"input\":\"*** one\\n*** {two}\"}"
client POST /v1/chat/completions <<X
{"model":"claude","tools":[{"type":"custom","custom":{"name":"patch"}}],"messages":[{"role":"user","content":"Go."}]}
X
expect status 200
expect request a json .tools[0].input_schema.properties.input.type "string"
expect json .choices[0].message.tool_calls[0].type "custom"
expect json .choices[0].message.tool_calls[0].custom.input "*** one\n*** {two}"
client POST /v1/chat/completions <<X
{"model":"claude","stream":true,"tools":[{"type":"custom","custom":{"name":"patch"}}],"messages":[{"role":"user","content":"Go."},{"role":"assistant","tool_calls":[{"id":"c","type":"custom","custom":{"name":"patch","input":"*** zero"}}]},{"role":"tool","tool_call_id":"c","content":"done"}]}
X
expect status 200
expect body contains "\"type\":\"custom\",\"custom\":{\"name\":\"patch\",\"input\":\"\"}" "\"custom\":{\"input\":\"*** one\\n*** {two}\"}" "\"finish_reason\":\"tool_calls\""
expect request a json .messages[1].content[0].input.input "*** zero"
client POST /v1/responses <<X
{"model":"claude","stream":true,"tools":[{"type":"custom","name":"patch"}],"input":"Go."}
X
expect status 200
expect body contains "\"type\":\"custom_tool_call\"" "\"input\":\"*** one\\n*** {two}\""
