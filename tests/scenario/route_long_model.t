# A model name beyond what a target may have is the client's error, and no "the journal is full".
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
aliases: { "claude-*": bulk }
X
start
client POST /v1/chat/completions <<X
{"model":"claude-{{x*70000}}","messages":[{"role":"user","content":"hello"}]}
X
expect status 400
client POST /v1/chat/completions <<X
{"model":"a/{{x*60000}}","messages":[{"role":"user","content":"hello"}]}
X
expect status 400
expect seen a requests 0
