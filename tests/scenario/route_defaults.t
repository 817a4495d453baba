# Defaults of a job are added where the client said nothing, and never replace what it said.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m], defaults: { max_tokens: 800, temperature: 0.2, metadata: { from: hearth } } }
X
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"temperature":1}
X
expect status 200
expect request a json .max_tokens 800
expect request a json .temperature 1
expect request a json .metadata.from hearth
