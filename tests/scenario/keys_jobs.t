# A key asks for its own jobs only, by whatever name: others, aliases to others, targets, bare and unknown names are 403.
upstream a openai models: [bare]
config <<X
jobs:
  bulk: { chain: [a/m] }
  fast: { chain: [a/n] }
  hard: { chain: [a/o] }
aliases: { gpt-4o: bulk, gpt-5: hard, "claude-*": hard, direct: a/o, "mini-*": fast }
X
cli keys add web --jobs bulk,fast
keep web cli
start
client POST /v1/chat/completions -H "x-hearth-key: $web" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
client POST /v1/chat/completions -H "x-hearth-key: $web" <<X
{"model":"gpt-4o","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
client POST /v1/chat/completions -H "x-hearth-key: $web" <<X
{"model":"mini-3","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect seen a requests 3
client POST /v1/chat/completions -H "x-hearth-key: $web" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect status 403
expect json .error.message "key web may not ask for `hard`; it may ask for bulk, fast"
expect json .error.code "model_not_allowed"
client POST /v1/chat/completions -H "x-hearth-key: $web" <<X
{"model":"gpt-5","messages":[{"role":"user","content":"hello"}]}
X
expect status 403
expect header x-hearth-job "-"
client POST /v1/chat/completions -H "x-hearth-key: $web" <<X
{"model":"claude-opus","messages":[{"role":"user","content":"hello"}]}
X
expect status 403
client POST /v1/chat/completions -H "x-hearth-key: $web" <<X
{"model":"direct","messages":[{"role":"user","content":"hello"}]}
X
expect status 403
client POST /v1/chat/completions -H "x-hearth-key: $web" <<X
{"model":"a/m","messages":[{"role":"user","content":"hello"}]}
X
expect status 403
client POST /v1/chat/completions -H "x-hearth-key: $web" <<X
{"model":"bare","messages":[{"role":"user","content":"hello"}]}
X
expect status 403
client POST /v1/chat/completions -H "x-hearth-key: $web" <<X
{"model":"nothing","messages":[{"role":"user","content":"hello"}]}
X
expect status 403
expect body lacks "hard"
client POST /v1/embeddings -H "x-hearth-key: $web" <<X
{"model":"hard","input":"hello"}
X
expect status 403
expect seen a requests 3
expect ledger count 3
client GET /v1/models -H "x-hearth-key: $web"
expect json .data[0].id "bulk"
expect json .data[1].id "fast"
expect json .data[2].id "gpt-4o"
expect json .data[3] absent
client GET /v1/models/hard -H "x-hearth-key: $web"
expect status 404
client GET /v1/models/gpt-4o -H "x-hearth-key: $web"
expect status 200
client POST /v1/chat/completions <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
