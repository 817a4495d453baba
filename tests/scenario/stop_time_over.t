# When the time of `drain` is over a stream is told that it was cut, in an event, and the books say so; the status is still 0.
upstream a openai
config <<X
drain: 300ms
jobs:
  bulk: { chain: [a/m] }
X
script a tokens 1000 every 50
start
client c1 POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
read c1 until "quick"
signal TERM
wait c1
expect sse-error contains "shutting down"
ended within 5000
expect log contains "the time is over"
expect ledger last outcome cut
