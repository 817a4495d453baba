# A second `model`, in any spelling, cannot smuggle another model past the router.
upstream a openai
upstream b openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"model":"b/expensive"}
X
expect status 400
expect json .error.message contains "model"
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"mod\u0065l":"b/expensive"}
X
expect status 400
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"messages":[]}
X
expect status 400
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":false,"str\u0065am":true}
X
expect status 400
expect seen a connections 0
expect seen b connections 0
client POST /v1/chat/completions <<X
{"mod\u0065l":"b\u0075lk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect header x-hearth-job bulk
expect request a json .model m
