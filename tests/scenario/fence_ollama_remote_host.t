# A local name that Ollama has been told to forward is found by its remote_host, and a home call does not go there.
upstream home ollama place: home
config <<X
jobs:
  private: { chain: [home/innocent] }
X
script home forwards innocent reply "from their cloud"
start
client POST /v1/chat/completions <<X
{"model":"private","messages":[{"role":"user","content":"hello"}]}
X
expect status 503
expect json .error.message contains "forwards"
expect seen home requests 0
expect ledger last outcome failed
