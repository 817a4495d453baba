# Bodies that do not fit below memory.buffered are refused with 503 and retry-after before they are read; then all is well again.
upstream a openai
config <<X
memory: { buffered: 1 MiB }
limits: { body: 1 MiB }
jobs:
  bulk: { chain: [a/m] }
X
script a reply "fine" first 1000
start
client c1 POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"{{hello *110000}}"}]}
X
expect seen a requests 1
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"{{hello *110000}}"}]}
X
expect status 503
expect header retry-after 1
expect json .error.code "overloaded"
expect took under 500
client GET /healthz
expect status 200
wait c1
expect status 200
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"{{hello *110000}}"}]}
X
expect status 200
