# With no name server and a dead cloud, bulk is served at home quickly.
upstream cloud openai url: "https://api.example:$cloud/v1", timeout: { connect: 1s }
upstream home ollama place: home
config <<X
resolver: 127.0.0.1:$dns
jobs:
  bulk: { chain: [cloud/m, home/m] }
X
dns api.example silent
script home reply "at home"
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect content "at home"
expect took under 2000
