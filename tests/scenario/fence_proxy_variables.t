# Proxy variables of the environment are ignored: calls go to their upstream and nowhere else.
upstream proxy openai
upstream home openai place: home
upstream cloud openai
config <<X
jobs:
  private: { chain: [home/m] }
  bulk: { chain: [cloud/m] }
X
env http_proxy "http://127.0.0.1:$proxy"
env HTTP_PROXY "http://127.0.0.1:$proxy"
env https_proxy "http://127.0.0.1:$proxy"
env all_proxy "http://127.0.0.1:$proxy"
env ALL_PROXY "http://127.0.0.1:$proxy"
script home reply "at home"
start
client POST /v1/chat/completions <<X
{"model":"private","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect content "at home"
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect seen proxy connections 0
