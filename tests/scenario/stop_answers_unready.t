# A stop says so at once on /readyz, each kept connection ends with its next reply, new ones are refused, and a stream ends whole.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
script a tokens 40 every 25
start
client c1 POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
read c1 until "quick"
raw kept <<X &
GET /readyz HTTP/1.1\r\nhost: localhost\r\n\r\n
X
read kept until "ready\n"
signal TERM
expect log contains "stopping: calls under way get 30 s"
send kept lines <<X
GET /readyz HTTP/1.1\r\nhost: localhost\r\n\r\n
X
wait kept replies 2
reply 2
expect status 503
expect header connection "close"
expect body contains "stopping"
wait c1
expect sse-done
ended within 5000
