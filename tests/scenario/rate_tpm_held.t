# Calls side by side hold their likely tokens: together they do not pass `tpm`; a call that alone passes it is told so.
upstream a openai tpm: 1200
upstream b openai
config <<X
loops: 4
jobs:
  bulk: { chain: [a/m, b/m] }
  only: { chain: [a/m] }
X
script a reply "from a" usage 10 500 first 2000
script b reply "from b" usage 10 500
start
# nothing is known of the answers (500 tokens are assumed), or they have 500: two fit
burst 10 POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect burst 10 status 200
expect seen a requests 2
expect seen b requests 8
client POST /v1/chat/completions <<X
{"model":"only","messages":[{"role":"user","content":"{{seven words that are really not short *1000}}"}]}
X
expect status 400
expect json .error.code "context_length_exceeded"
expect body contains "the call alone has more tokens than it takes in a minute (tpm)"
expect header-absent retry-after
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"{{seven words that are really not short *1000}}"}]}
X
expect content "from b"
