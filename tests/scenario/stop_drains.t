# A stop lets a short answer end, takes no new connection, and exits 0.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
script a tokens 20 every 20
start
client c1 POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
read c1 until "quick"
stop
wait c1
expect sse-done
expect ledger last outcome done
