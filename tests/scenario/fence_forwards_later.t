# A model that Ollama begins to forward after a home call was answered gets no further home call.
upstream home ollama place: home
config <<X
loops: 1
jobs:
  private: { chain: [home/innocent] }
X
script home reply "at home"
start
client POST /v1/chat/completions <<X
{"model":"private","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
script home forwards innocent reply "from their cloud"
client POST /v1/chat/completions <<X
{"model":"private","messages":[{"role":"user","content":"hello"}]}
X
expect status 503
expect seen home requests 1
