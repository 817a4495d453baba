# x-hearth-boundary: home keeps a call inside whatever its job, alias or target would allow.
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
client POST /v1/chat/completions -H "x-hearth-boundary: home" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 503
expect header x-hearth-boundary home
client POST /v1/chat/completions -H "x-hearth-boundary: home" <<X
{"model":"gpt-4o","messages":[{"role":"user","content":"hello"}]}
X
expect status 503
client POST /v1/chat/completions -H "x-hearth-boundary: home" <<X
{"model":"cloud/m","messages":[{"role":"user","content":"hello"}]}
X
expect status 503
expect json .error.message contains "outside the boundary"
client POST /v1/chat/completions -H "x-hearth-boundary: home" <<X
{"model":"cloud/m","messages":[{"role":"user","content":"hello"}],"stream":true}
X
expect status 503
expect seen cloud connections 0
