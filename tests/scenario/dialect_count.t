# count_tokens asks an upstream that counts, and is estimated where none does; it costs nothing, and no other step is asked.
upstream a anthropic dialect: anthropic
upstream b openai
config <<X
loops: 1
jobs:
  counted: { chain: [a/m, b/m] }
  guessed: { chain: [b/m, a/m] }
X
start
client POST /v1/messages/count_tokens -H "anthropic-version: 2023-06-01" -H "anthropic-beta: token-counting-2024-11-01" <<X
{"model":"counted","messages":[{"role":"user","content":"hello there, how many tokens is this?"}],"x_new":1}
X
expect status 200
expect json .input_tokens like "*"
expect header x-hearth-target a/m
expect header x-hearth-cost-usd 0
expect request a head contains "POST /v1/messages/count_tokens"
expect request a header anthropic-beta "token-counting-2024-11-01"
expect request a body contains "\"x_new\":1"
expect ledger last outcome done target a/m output 0 cost_nusd 0
client POST /v1/messages/count_tokens <<X
{"model":"guessed","messages":[{"role":"user","content":"hello there, how many tokens is this?"}]}
X
expect status 200
expect json .input_tokens over 4
expect header x-hearth-target "-"
expect header x-hearth-attempts 0
expect ledger last outcome done attempts 0
expect seen b requests 0
expect seen a requests 1
script a status 404 body "{\"detail\":\"Not Found\"}"
client POST /v1/messages/count_tokens <<X
{"model":"counted","messages":[{"role":"user","content":"hello there, how many tokens is this?"}]}
X
expect status 200
expect json .input_tokens over 4
expect header x-hearth-target "-"
expect ledger last outcome done attempts 1
script a reply "still there"
client POST /v1/messages <<X
{"model":"counted","max_tokens":100,"messages":[{"role":"user","content":"hello"}]}
X
expect content "still there"
expect seen b requests 0
