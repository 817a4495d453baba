# The client's own error is told in the vendor's words and tried nowhere else.
upstream a openai
upstream b openai
config <<X
jobs:
  bulk: { chain: [a/m, b/m] }
X
script a status 400 body "{\"error\":{\"message\":\"Invalid value for 'temperature'\",\"type\":\"invalid_request_error\",\"param\":\"temperature\",\"code\":\"invalid_value\"}}"
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 400
expect json .error.message "Invalid value for 'temperature'"
expect json .error.param temperature
expect header x-hearth-attempts 1
expect seen a requests 1
expect seen b requests 0
expect ledger last outcome failed attempts 1
