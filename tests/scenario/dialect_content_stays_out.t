# Prompt, answer, thinking, tool arguments, keys and betas of a translated call are in no file of the data folder, no output, no metric.
each first second <<X
anthropic | openai
openai | anthropic
ollama | anthropic
X
upstream a $first dialect: $first, key: "env:A_KEY"
upstream b $second dialect: $second
config <<X
jobs:
  bulk: { chain: [a/m, b/m] }
X
env A_KEY sk-canary-key-7731
script a status 500 body "canary-error-7731"
script b reply "canary-answer-7731" reasoning "canary-thought-7731" tool canary7731 "{\"q\":\"canary-arguments-7731\"}"
start
client POST /v1/messages -H "authorization: Bearer canary-token-7731" -H "anthropic-beta: canary-beta-7731" <<X
{"model":"bulk","max_tokens":900,"system":"canary-system-7731","metadata":{"user_id":"canary-user-7731"},"messages":[{"role":"user","content":"canary-prompt-7731"}],"tools":[{"name":"canary7731","input_schema":{"type":"object","properties":{}}}]}
X
expect content "canary-answer-7731"
client POST /api/chat <<X
{"model":"bulk","messages":[{"role":"system","content":"canary-system-7731"},{"role":"user","content":"canary-prompt-7731"}],"x_canary_7731":1}
X
expect content "canary-answer-7731"
client POST /v1/responses <<X
{"model":"bulk","input":"canary-prompt-7731","instructions":"canary-system-7731","stream":true}
X
expect content "canary-answer-7731"
client POST /v1/messages/count_tokens <<X
{"model":"bulk","messages":[{"role":"user","content":"canary-prompt-7731"}]}
X
expect status 200
client GET /metrics
expect body lacks "7731"
stop
expect files-lack "7731"
expect log lacks "7731"
