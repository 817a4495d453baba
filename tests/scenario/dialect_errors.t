# Every error of the gateway is in the words of the dialect that was asked: no model, no JSON, no path, no key, no money, nobody there.
upstream a openai budget: { month: 0.000001 USD }
upstream b anthropic dialect: anthropic
config <<X
loops: 1
jobs:
  poor: { chain: [a/m] }
  bulk: { chain: [b/m] }
prices:
  a/m: { input: 1, output: 10 }
X
script b status 500 body "{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"Internal server error\"}}"
start
client POST /v1/messages <<X
{"model":"no-such","max_tokens":10,"messages":[{"role":"user","content":"hello"}]}
X
expect status 404
expect json .type "error"
expect json .error.type "not_found_error"
expect json .error.message contains "no-such"
client POST /v1/messages <<X
{"model":"bulk",
X
expect status 400
expect json .error.type "invalid_request_error"
client POST /v1/messages <<X
{"model":"poor","max_tokens":1000,"messages":[{"role":"user","content":"hello"}]}
X
expect status 429
expect json .error.type "billing_error"
expect json .error.message contains "budget" "upstream a"
expect header x-should-retry false
client POST /v1/messages <<X
{"model":"bulk","max_tokens":10,"messages":[{"role":"user","content":"hello"}]}
X
expect status 502
expect json .type "error"
expect json .error.message contains "b/m" "Internal server error"
expect header x-should-retry false
client POST /v1/messages -H "x-api-key: hearth_wrong" <<X
{"model":"bulk","max_tokens":10,"messages":[{"role":"user","content":"hello"}]}
X
expect status 401
expect json .error.type "authentication_error"
client GET /v1/messages
expect status 405
expect json .type "error"
client POST /v1/messages/batches <<X
{}
X
expect status 404
expect json .error.type "not_found_error"
client POST /api/chat <<X
{"model":"no-such","messages":[{"role":"user","content":"hello"}]}
X
expect status 404
expect json .error contains "no-such"
client POST /api/chat <<X
{"model":"poor","messages":[{"role":"user","content":"hello"}]}
X
expect status 429
expect json .error contains "budget"
client POST /api/chat <<X
[]
X
expect status 400
expect json .error any
client GET /api/chat
expect status 405
expect json .error contains "use POST"
client POST /api/push <<X
{}
X
expect status 404
expect json .error any
client POST /v1/responses <<X
{"model":"no-such","input":"hello"}
X
expect status 404
expect json .error.code "model_not_found"
client POST /v1/responses <<X
{"model":"bulk","input":"hello","previous_response_id":"resp_1"}
X
expect status 400
expect json .error.message contains "previous_response_id"
client GET /v1/responses/resp_1
expect status 404
expect json .error.message any
