# Embeddings fail over to the same model elsewhere, and keep the bytes of their vectors.
upstream a openai
upstream b openai
config <<X
jobs:
  vectors: { chain: [a/text-embedding-3-small, b/text-embedding-3-small] }
X
script a status 500
start
client POST /v1/embeddings <<X
{"model":"vectors","input":["one","two"],"encoding_format":"base64"}
X
expect status 200
expect header x-hearth-target b/text-embedding-3-small
expect json .data[1].index 1
expect json .data[0].embedding any
expect ledger last outcome done attempts 2
