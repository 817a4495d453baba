# A refusal that the upstream gave in HTML reaches the client in its own dialect.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
script a status 413 header content-type text/html body "<html><h1>413 Request Entity Too Large</h1></html>"
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect json .error.message any
