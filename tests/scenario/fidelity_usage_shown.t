# A client that asks for usage gets the vendor's own chunk.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
script a reply "hi" usage 11 5
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true,"stream_options":{"include_usage":true}}
X
expect sse-done
expect body contains "\"choices\":[],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":5"
