# A second signal ends what is left at once, in good order: streams get an error event, the status is 0.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
script a tokens 1000 every 50
start
client c1 POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
read c1 until "quick"
signal INT
expect log contains "stopping"
signal INT
wait c1
expect sse-error contains "shutting down"
ended within 5000
expect log contains "told twice"
expect ledger last outcome cut
