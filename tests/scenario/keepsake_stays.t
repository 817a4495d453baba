# what one upstream had thought goes back to that upstream alone
upstream a deepseek vendor: deepseek, dialect: openai
upstream b deepseek vendor: deepseek, dialect: openai
config <<X
jobs:
  one: { chain: [ { try: a/deepseek-flash } ] }
  two: { chain: [ { try: b/deepseek-flash } ] }
X
start
script a reasoning "secret of a" tool get "{}"; reply "dry"
client POST /v1/chat/completions <<X
{"model":"one","tools":[{"type":"function","function":{"name":"get"}}],"messages":[{"role":"user","content":"Weather?"}]}
X
expect status 200
client POST /v1/chat/completions <<X
{"model":"two","messages":[{"role":"assistant","content":"","tool_calls":[{"id":"call_simulated1","type":"function","function":{"name":"get","arguments":"{}"}}]},{"role":"tool","tool_call_id":"call_simulated1","content":"rain"}]}
X
expect status 200
expect request b json .messages[0].reasoning_content ""
client POST /v1/chat/completions <<X
{"model":"one","messages":[{"role":"assistant","content":"","tool_calls":[{"id":"call_simulated1","type":"function","function":{"name":"get","arguments":"{}"}}]},{"role":"tool","tool_call_id":"call_simulated1","content":"rain"}]}
X
expect status 200
expect request a json .messages[0].reasoning_content "secret of a"
