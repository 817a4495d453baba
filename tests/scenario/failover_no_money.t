# DeepSeek's 402 calls its JSON octet-stream: it is read all the same, and the key rests instead of being asked again.
upstream a deepseek vendor: deepseek, dialect: openai
upstream b openai
config <<X
jobs:
  bulk: { chain: [a/deepseek-flash, b/m] }
X
script a status 402 header content-type application/octet-stream body "{\"error\":{\"message\":\"Insufficient Balance\",\"type\":\"unknown_error\",\"param\":null,\"code\":\"invalid_request_error\"}}"; reply "from a"
script b reply "from b"
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
expect header x-hearth-attempts 2
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
expect header x-hearth-attempts 1
client POST /v1/messages <<X
{"model":"a/deepseek-flash","max_tokens":9,"messages":[{"role":"user","content":"hello"}]}
X
expect status 529
expect body contains "a/deepseek-flash: not tried, cooling after failures"
expect seen a requests 1
