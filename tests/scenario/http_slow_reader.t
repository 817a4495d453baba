# A client that reads nothing holds its upstream back instead of filling our memory, and gets all of it in the end.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
start
repeat 100 client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
memory
forget a
script a tokens 1500 bytes 8000
client c1 POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
expect seen a requests 1
script a reply "hello"
repeat 200 client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect seen a open 1 completed 200
expect memory grown under 1024
wait c1
expect sse-done
expect seen a open 0 completed 201
expect memory grown under 1024
