# When nobody else is left, a full line refuses at once with 429 and retry-after, and a private call never leaves for it.
upstream a openai place: home, concurrent: 1, queue: { max: 2, wait: 10s }
upstream b openai
config <<X
jobs:
  private: { chain: [a/m] }
  bulk: { chain: [b/m] }
X
script a reply "from a" first 1500
start
client c1 POST /v1/chat/completions <<X &
{"model":"private","messages":[{"role":"user","content":"hello"}]}
X
expect seen a requests 1
burst 8 POST /v1/chat/completions <<X
{"model":"private","messages":[{"role":"user","content":"hello"}]}
X
expect burst 2 status 200
expect burst 6 status 429
expect burst 6 header retry-after 10
expect burst 6 body "queue is full"
wait c1
expect content "from a"
expect seen b requests 0
expect ledger count 3 outcome done
expect ledger count 6 outcome failed
expect ledger count 6 attempts 0
