# Servers written in Go read member names in any case, the last one winning: `Model` beside `model` smuggles nothing past the fence.
upstream home ollama place: home
config <<X
jobs:
  private: { chain: ["home/llama3.1:8b"] }
X
start
client POST /v1/chat/completions <<X
{"model":"private","Model":"gpt-oss:120b-cloud","messages":[{"role":"user","content":"hello"}]}
X
expect status 400
client POST /v1/chat/completions <<X
{"model":"private","mod\u0045l":"gpt-oss:120b-cloud","messages":[{"role":"user","content":"hello"}]}
X
expect status 400
expect seen home requests 0
