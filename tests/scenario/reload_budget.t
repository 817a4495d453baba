# What was spent counts against the budget of another config, also when a config between the two had none.
upstream a openai
config alone <<X
upstreams: { a: { url: "http://127.0.0.1:$a/v1", budget: { month: 0.02 USD } } }
jobs:
  bulk: { chain: [a/m] }
prices:
  a/m: { input: 1, output: 10 }
X
script a reply "from a" usage 100 500
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"max_tokens":900}
X
expect status 200
config alone <<X
upstreams: { a: { url: "http://127.0.0.1:$a/v1" } }
jobs:
  bulk: { chain: [a/m] }
prices:
  a/m: { input: 1, output: 10 }
X
reload
expect log contains "read again (1)"
repeat 2 client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"max_tokens":900}
X
expect status 200
config alone <<X
upstreams: { a: { url: "http://127.0.0.1:$a/v1", budget: { month: 0.02 USD } } }
jobs:
  bulk: { chain: [a/m] }
prices:
  a/m: { input: 1, output: 10 }
X
reload
expect log contains "read again (2)"
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"max_tokens":900}
X
expect status 429
expect json .error.message contains "budget" "upstream a"
