# A Host that is not one of ours is refused: a rebound name does not reach us.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
start
client GET /v1/models -H "host: evil.example"
expect status 403
client POST /v1/chat/completions -H "host: 127.0.0.1.evil.example" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 403
client GET /v1/models -H "host: localhost:$port"
expect status 200
expect seen a connections 0
