# A client that says include_usage false is not sent usage either, and its other stream options stay.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
script a reply "hi" usage 11 5
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true,"stream_options":{"include_usage":false,"include_obfuscation":false}}
X
expect sse-done
expect body lacks "prompt_tokens"
expect request a json .stream_options.include_usage true
expect request a json .stream_options.include_obfuscation false
expect ledger last input 11 output 5
