# The answer's bytes come back untouched, unknown members included.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
script a status 200 body <<X
{"id":"chatcmpl-1", "object":"chat.completion","created":1,"model":"m","x_new":[1.0,{"k":"\u00e9"}],
 "choices":[{"index":0,"message":{"role":"assistant","content":"hi","annotations":[]},"finish_reason":"stop","logprobs":{"content":[]}}],
 "usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"weird":{"x":1}}}
X
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect body <<X
{"id":"chatcmpl-1", "object":"chat.completion","created":1,"model":"m","x_new":[1.0,{"k":"\u00e9"}],
 "choices":[{"index":0,"message":{"role":"assistant","content":"hi","annotations":[]},"finish_reason":"stop","logprobs":{"content":[]}}],
 "usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"weird":{"x":1}}}
X
expect header content-type contains "application/json"
