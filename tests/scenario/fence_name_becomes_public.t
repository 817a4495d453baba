# A home upstream whose name resolves to a public address is refused at the address, not trusted for its name.
upstream home openai place: home, url: "http://box.lan:$home/v1"
config <<X
resolver: 127.0.0.1:$dns
jobs:
  private: { chain: [home/m] }
X
dns box.lan 127.0.0.1
script home reply "at home"
start
client POST /v1/chat/completions <<X
{"model":"private","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect content "at home"
stop
dns box.lan 203.0.113.7
start
client POST /v1/chat/completions <<X
{"model":"private","messages":[{"role":"user","content":"hello"}]}
X
expect status 503
expect json .error.message contains "home/m" "the fence refused it"
expect took under 3000
expect seen home requests 1
