# Models that Ollama forwards to its own cloud are not home: by name when the config loads, and for calls that name one.
upstream home ollama place: home
config <<X
jobs:
  private: { chain: ["home/gpt-oss:120b-cloud"] }
X
refused "cloud"
config <<X
jobs:
  private: { chain: ["home/llama3.1:8b"] }
X
start
client POST /v1/chat/completions -H "x-hearth-boundary: home" <<X
{"model":"home/gpt-oss:120b-cloud","messages":[{"role":"user","content":"hello"}]}
X
expect status 503
expect json .error.message contains "forwards"
expect seen home requests 0
