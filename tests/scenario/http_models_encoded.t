# A model's name in a path may be percent-encoded, as the official clients do.
upstream a openai
config <<X
jobs:
  bulk: { chain: ["a/llama3.1:8b"] }
X
start
client GET /v1/models/a%2Fllama3.1%3A8b
expect status 200
