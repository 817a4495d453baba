# Who asks for another config while Hearth stops is told so at once, and the stop does not wait for anything else.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
script a tokens 40 every 25
start
keep token file data/admin-token
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
POST /hearth/v1/reload HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer $token\r\ncontent-length: 0\r\n\r\n
X
wait kept replies 2
reply 2
expect status 503
expect body contains "stopping"
wait c1
expect sse-done
ended within 5000
