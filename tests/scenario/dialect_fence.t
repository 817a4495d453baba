# A call that stays home stays there in every dialect: an Ollama that forwards a model gets no home call, and a chain at home never reaches the upstream outside.
upstream home ollama dialect: ollama, place: home
upstream out anthropic dialect: anthropic, place: cloud
config <<X
loops: 1
jobs:
  private: { chain: [home/innocent], boundary: home }
  mixed: { chain: [home/innocent, out/claude-x] }
X
script home reply "at home"
script out reply "outside"
start
client POST /v1/messages <<X
{"model":"private","max_tokens":100,"messages":[{"role":"user","content":"hello"}]}
X
expect content "at home"
expect header x-hearth-boundary home
script home forwards innocent reply "from their cloud"
client POST /v1/messages <<X
{"model":"private","max_tokens":100,"messages":[{"role":"user","content":"hello"}]}
X
expect status 529
expect json .type "error"
expect json .error.message contains "at home" "boundary home"
client POST /api/chat -H "x-hearth-boundary: home" <<X
{"model":"mixed","messages":[{"role":"user","content":"hello"}]}
X
expect status 503
expect json .error contains "boundary home"
client POST /v1/responses -H "x-hearth-boundary: home" <<X
{"model":"mixed","input":"hello"}
X
expect status 503
client POST /api/embed -H "x-hearth-boundary: home" <<X
{"model":"mixed","input":"hello"}
X
expect json .error any
client POST /v1/messages/count_tokens -H "x-hearth-boundary: home" <<X
{"model":"out/claude-x","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect header x-hearth-target "-"
expect seen home requests 1
expect seen out requests 0
