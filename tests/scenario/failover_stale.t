# A kept connection that died is no failure: the same target is asked once more on a new one.
upstream a openai
upstream b openai
config <<X
loops: 1
jobs:
  bulk: { chain: [a/m, b/m] }
X
script a reply "one"; drop -1; reply "two"
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect content "one"
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect content "two"
expect header x-hearth-target a/m
expect header x-hearth-attempts 2
expect seen a requests 3
expect seen b requests 0
