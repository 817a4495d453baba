# Half an event, where the upstream broke off, does not swallow the error that tells so.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
script a raw "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"half\"}}]}\n\ndata: {\"choices\":[{\"index\":0,\"del"
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
expect content "half"
expect sse-error contains "a/m" "the answer ended early"
expect ledger last outcome cut
