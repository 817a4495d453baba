# Ollama takes names in any case and with its default host and namespace; none of these spellings gets a home call forwarded.
upstream home ollama place: home
config <<X
jobs:
  bulk: { chain: ["home/llama3.1:8b"] }
X
script home forwards innocent reply "from their cloud"
start
client POST /v1/chat/completions -H "x-hearth-boundary: home" <<X
{"model":"home/gpt-oss:120b-CLOUD","messages":[{"role":"user","content":"hello"}]}
X
expect status 503
client POST /v1/chat/completions -H "x-hearth-boundary: home" <<X
{"model":"home/Innocent","messages":[{"role":"user","content":"hello"}]}
X
expect status 503
client POST /v1/chat/completions -H "x-hearth-boundary: home" <<X
{"model":"home/library/innocent","messages":[{"role":"user","content":"hello"}]}
X
expect status 503
expect seen home requests 0
