# A client that leaves while its call waits frees its place in the line; the next one moves up.
upstream a openai place: home, concurrent: 1, queue: { max: 1, wait: 10s }
config <<X
loops: 1
jobs:
  private: { chain: [a/m] }
X
script a echo first 1000
start
client c1 POST /v1/chat/completions <<X &
{"model":"private","messages":[{"role":"user","content":"one"}]}
X
expect seen a requests 1
client c2 POST /v1/chat/completions <<X &
{"model":"private","messages":[{"role":"user","content":"two"}]}
X
client-until 429 200 POST /v1/chat/completions <<X
{"model":"private","messages":[{"role":"user","content":"x"}]}
X
abort c2 fin
client-until 200 3000 POST /v1/chat/completions <<X
{"model":"private","messages":[{"role":"user","content":"three"}]}
X
expect content "three"
wait c1
expect content "one"
expect seen a requests 2
expect ledger count 1 outcome left
expect ledger count 2 outcome done
