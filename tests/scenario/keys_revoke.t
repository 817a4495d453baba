# A revoked key stops working within two seconds; a call under way with it goes on to its end.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
cli keys add web
keep web cli
script a tokens 30 every 100
start
client slow POST /v1/chat/completions -H "x-hearth-key: $web" <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
read slow until "data:"
cli keys revoke web
expect cli status 0
client-until 401 2000 GET /v1/models -H "x-hearth-key: $web"
cli keys rotate web
expect cli status 1
wait slow
expect status 200
expect sse-done
expect ledger last key web outcome done
