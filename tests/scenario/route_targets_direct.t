# upstream/model is a target even if no job names it; model names may hold slashes.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
start
client POST /v1/chat/completions <<X
{"model":"a/vendor/model:8b","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect header x-hearth-target a/vendor/model:8b
expect request a json .model vendor/model:8b
