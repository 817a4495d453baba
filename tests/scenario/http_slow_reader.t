# A client that reads nothing holds its upstream back instead of filling our memory, and gets all of it in the end.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
script a tokens 1500 bytes 8000
start
client c1 POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
expect seen a requests 1
client POST /v1/chat/completions <<X
{"model":"a/other","messages":[{"role":"user","content":"hello"}]}
X
expect seen a open 1 completed 1
wait c1
expect sse-done
expect seen a open 0 completed 2
