# A public network that the owner lists is home.
upstream home openai place: home, url: "http://93.184.216.34/v1", timeout: { connect: 200ms }
config <<X
home_networks: [93.184.216.0/24]
jobs:
  private: { chain: [home/m] }
X
start
client POST /v1/chat/completions <<X
{"model":"private","messages":[{"role":"user","content":"hello"}]}
X
expect status 503..504
