# A call narrowed to home asks no requirement outside.
upstream home ollama place: home
config <<X
resolver: 127.0.0.1:$dns
jobs:
  bulk: { chain: [home/m], requires: "http://outside.test:9/health" }
X
dns outside.test 203.0.113.7
start
client POST /v1/chat/completions -H "x-hearth-boundary: home" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 503
expect json .error.message contains "outside the home networks"
