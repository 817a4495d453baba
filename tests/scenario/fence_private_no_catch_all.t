# A catch-all alias is no way out for `private`: without such a job the name is unknown.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
aliases: { "*": bulk }
X
start
client POST /v1/chat/completions <<X
{"model":"private","messages":[{"role":"user","content":"hello"}]}
X
expect status 404
expect seen a requests 0
