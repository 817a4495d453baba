# Embeddings between the dialects: Ollama's clients at an OpenAI upstream and the reverse, lists and single texts, base64 where it is asked for.
each face <<X
openai
ollama
X
upstream a $face dialect: $face
config <<X
loops: 1
jobs:
  embed: { chain: [a/nomic-embed-text], boundary: any }
X
script a tokens 4
start
client POST /v1/embeddings <<X
{"model":"embed","input":["one","two"]}
X
expect status 200
expect json .data[1].index "1"
expect json .data[1].embedding[0] any
expect json .usage.prompt_tokens over 0
expect ledger last outcome done target a/nomic-embed-text output 0
client POST /v1/embeddings <<X
{"model":"embed","input":"one","encoding_format":"base64"}
X
expect status 200
expect json .data[0].embedding like "*=="
client POST /api/embed <<X
{"model":"embed","input":["one","two"]}
X
expect status 200
expect json .embeddings[1][0] any
expect json .embeddings[2] absent
expect json .prompt_eval_count over 0
client POST /api/embeddings <<X
{"model":"embed","prompt":"one"}
X
expect status 200
expect json .embedding[0] any
expect ledger count 4 outcome done
