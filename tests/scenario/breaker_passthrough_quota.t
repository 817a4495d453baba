# One client's spent balance at a passthrough upstream is that client's matter; another client's credential is still tried.
upstream p openai key: passthrough
config <<X
jobs:
  hard: { chain: [p/m] }
X
script p fault quota; reply "fine"
start
client POST /v1/chat/completions -H "authorization: Bearer sk-one" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
client POST /v1/chat/completions -H "authorization: Bearer sk-two" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect content "fine"
