# Prompt, answer, key and header of a call are in no file of the data folder, no output, no metric.
upstream a openai key: "env:A_KEY"
upstream b openai
config <<X
jobs:
  bulk: { chain: [a/m, b/m] }
X
env A_KEY sk-canary-key-7731
script a status 500 body "canary-error-7731"
script b reply "canary-answer-7731"
start
client POST /v1/chat/completions -H "authorization: Bearer canary-token-7731" -H "x-canary: canary-header-7731" <<X
{"model":"bulk","messages":[{"role":"user","content":"canary-prompt-7731"}]}
X
expect content "canary-answer-7731"
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"canary-prompt-7731"}],"stream":true}
X
expect content "canary-answer-7731"
client POST /v1/chat/completions <<X
{"model":"no-such-canary-7731","messages":[{"role":"user","content":"canary-prompt-7731"}]}
X
expect status 404
expect ledger count 2
stop
expect files-lack "7731"
