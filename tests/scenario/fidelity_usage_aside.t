# A client that asks for usage gets it where it looks, also when the vendor says it inside a choice (Kimi) or not at all.
upstream a moonshot
upstream b openai
config <<X
jobs:
  aside: { chain: [a/m] }
  none: { chain: [b/m] }
X
script a reply "hi" usage 11 5
script b reply "hi" usage off
start
client POST /v1/chat/completions <<X
{"model":"aside","messages":[{"role":"user","content":"hello"}],"stream":true,"stream_options":{"include_usage":true}}
X
expect sse-done
expect body contains "\"choices\":[],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":5"
client POST /v1/chat/completions <<X
{"model":"none","messages":[{"role":"user","content":"hello"}],"stream":true,"stream_options":{"include_usage":true}}
X
expect sse-done
expect body contains "\"choices\":[],\"usage\":{\"prompt_tokens\":"
client POST /v1/chat/completions <<X
{"model":"aside","messages":[{"role":"user","content":"hello"}],"stream":true}
X
expect sse-done
expect body lacks "\"choices\":[],\"usage\""
