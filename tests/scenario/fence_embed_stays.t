# The job embed is home without saying so, and never falls back.
upstream home ollama place: home
upstream cloud openai
config <<X
jobs:
  embed: { chain: [home/nomic-embed-text] }
  bulk: { chain: [cloud/m] }
X
start
client POST /v1/embeddings <<X
{"model":"embed","input":"one"}
X
expect status 200
expect header x-hearth-boundary home
down home
client POST /v1/embeddings <<X
{"model":"embed","input":"one"}
X
expect status 503
expect seen cloud connections 0
