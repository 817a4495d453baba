# x-hearth-boundary: any does not widen a private job; any other value is refused.
upstream home openai place: home
upstream cloud openai
config <<X
jobs:
  private: { chain: [home/m] }
  bulk: { chain: [home/m, cloud/m] }
aliases: { gpt-4o: bulk }
X

down home
start
client POST /v1/chat/completions -H "x-hearth-boundary: any" <<X
{"model":"private","messages":[{"role":"user","content":"hello"}]}
X
expect status 503
expect header x-hearth-boundary home
client POST /v1/chat/completions -H "x-hearth-boundary: Home?" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 400
expect seen cloud connections 0
