# A home upstream that redirects to the cloud is not followed.
upstream home openai place: home
upstream cloud openai
config <<X
jobs:
  private: { chain: [home/m] }
  bulk: { chain: [home/m, cloud/m] }
aliases: { gpt-4o: bulk }
X

script home redirect http://127.0.0.1:$cloud/v1/chat/completions
start
client POST /v1/chat/completions <<X
{"model":"private","messages":[{"role":"user","content":"hello"}]}
X
expect status 502
expect json .error.message contains "redirect"
expect seen cloud connections 0
script home status 302 redirect http://127.0.0.1:$cloud/v1/chat/completions
client POST /v1/chat/completions -H "x-hearth-boundary: home" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
expect status 503
expect json .error.message contains "redirect"
expect seen cloud connections 0
