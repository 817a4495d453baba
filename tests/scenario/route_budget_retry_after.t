# A spent budget's 429 names when the budget's window ends, not 0 s.
upstream a openai budget: { month: 0.01 USD }
config <<X
jobs:
  bulk: { chain: [a/m] }
prices:
  a/m: { input: 1, output: 10 }
X
script a reply "from a" usage 100 900
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"max_tokens":900}
X
expect content "from a"
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"max_tokens":900}
X
expect status 429
expect header retry-after not "0"
expect json .error.message lacks "back in 0 s"
