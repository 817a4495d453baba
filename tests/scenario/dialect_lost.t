# What a dialect cannot say is listed as lost, or sends the call to the next step; when none is left the client reads which field it was.
upstream a anthropic dialect: anthropic
upstream b openai
config <<X
loops: 1
jobs:
  both: { chain: [a/claude-x, b/m] }
  only: { chain: [a/claude-x] }
X
script a reply "from a"
script b reply "from b"
start
client POST /v1/chat/completions <<X
{"model":"both","seed":7,"x_unknown":1,"messages":[{"role":"user","content":"hello"}]}
X
expect content "from a"
expect header x-hearth-lost contains "seed" "x_unknown"
expect header x-hearth-attempts 1
client POST /v1/chat/completions <<X
{"model":"both","seed":7,"stream":true,"messages":[{"role":"user","content":"hello"}]}
X
expect content "from a"
expect header x-hearth-lost "seed"
client POST /v1/chat/completions <<X
{"model":"both","messages":[{"role":"user","content":"hello"}]}
X
expect content "from a"
expect header-absent x-hearth-lost
client POST /v1/chat/completions <<X
{"model":"both","n":1,"logit_bias":{"50256":-100},"messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
expect header-absent x-hearth-lost
expect request b body contains "logit_bias"
expect ledger last outcome done target b/m
client POST /v1/chat/completions <<X
{"model":"only","logit_bias":{"50256":-100},"messages":[{"role":"user","content":"hello"}]}
X
expect status 400
expect json .error.type "invalid_request_error"
expect json .error.message contains "logit_bias" "a/claude-x"
expect ledger last outcome failed cost_nusd 0
expect seen a requests 3
