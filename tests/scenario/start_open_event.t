# An event without its blank line is handed on, and the error after it is an event of its own.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
script a raw "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"one \"}}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"two\"}}]}"
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
expect content "one two"
expect sse-error contains "a/m" "the answer ended early"
expect ledger last outcome cut
