# A public network that the owner lists is home.
upstream home openai place: home, url: "http://203.0.113.7/v1", timeout: { connect: 200ms }
config <<X
home_networks: [203.0.113.0/24]
jobs:
  private: { chain: [home/m] }
X
start
client POST /v1/chat/completions <<X
{"model":"private","messages":[{"role":"user","content":"hello"}]}
X
expect json .error.message contains "home/m"
expect json .error.message lacks "fence" "outside"
