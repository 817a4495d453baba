# What clients do with a base URL, a content type and a key of their own: every wrong way that is known arrives all the same.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
script a reply "hi there"
start
# /v1 twice, /v1 forgotten, a slash at the end, a query
client POST /v1/v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect content "hi there"
client POST /chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect content "hi there"
client POST /v1/chat/completions/ <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect content "hi there"
client POST /v1/messages?beta=true <<X
{"model":"bulk","max_tokens":9,"messages":[{"role":"user","content":"hello"}]}
X
expect content "hi there"
# curl -d sends JSON and calls it a form, or nothing at all
client POST /v1/chat/completions -H "content-type: application/x-www-form-urlencoded" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect content "hi there"
# whether it is a stream stands in the body, whatever Accept says
client POST /v1/chat/completions -H "accept: application/json" <<X
{"model":"bulk","stream":true,"messages":[{"role":"user","content":"hello"}]}
X
expect header content-type contains "text/event-stream"
expect sse-done
# Continue shows a placeholder twice; nothing of it goes on
client POST /v1/chat/completions -H "authorization: Bearer EMPTY" -H "api-key: EMPTY" -H "x-stainless-retry-count: 1" -H "x-openwebui-user-email: a@b.c" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect content "hi there"
expect request a header-absent api-key
expect request a header-absent x-stainless-retry-count
expect request a header-absent x-openwebui-user-email
# menus are built from the list of models, with or without /v1
client GET /models
expect status 200
expect json .data[0].id "bulk"
expect json .data[0].object "model"
expect json .data[0].type "model"
expect json .object "list"
# probes before the first call: an address that answers, telemetry that nobody takes
raw <<X
HEAD / HTTP/1.1\r\nhost: 127.0.0.1:$port\r\nconnection: close\r\n\r\n
X
expect status 200
expect closed
raw <<X
HEAD /api/hello HTTP/1.1\r\nhost: 127.0.0.1:$port\r\nconnection: close\r\n\r\n
X
expect status 200
expect closed
client POST /api/event_logging/batch <<X
{"events":[]}
X
expect status 404
# clients that count tokens to know when to compact
client POST /v1/messages/count_tokens <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect json .input_tokens over 0
