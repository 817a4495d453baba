# A home server that cannot say which models it forwards gets no home call, and the error says what it answered instead.
upstream a openai place: home, url: "http://127.0.0.1:$a/elsewhere/v1"
config <<X
jobs:
  private: { chain: [a/m] }
X
script a status 500
start
client POST /v1/chat/completions <<X
{"model":"private","messages":[{"role":"user","content":"hello"}]}
X
expect status 502
expect json .error.message contains "list of models could not be read (status 500)"
expect json .error.message lacks "in time"
