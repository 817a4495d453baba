# A stream of two choices of which only one finished is cut, not done.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
script a raw "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"one\"}}]}\n\ndata: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"two\"}}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
start
client POST /v1/chat/completions <<X
{"model":"bulk","n":2,"stream":true,"messages":[{"role":"user","content":"hello"}]}
X
expect sse-error
