# A config that cannot be is refused with its place, and the one in force stays, budgets included.
upstream a openai
config alone <<X
upstreams: { a: { url: "http://127.0.0.1:$a/v1", budget: { month: 0.01 USD } } }
jobs:
  bulk: { chain: [a/m] }
prices:
  a/m: { input: 1, output: 10 }
X
script a reply "from a" usage 100 500
start
config alone <<X
upstreams: { a: { url: "http://127.0.0.1:$a/v1", budget: { month: 100 USD } } }
jobs:
  bulk: { chain: [gone/m] }
prices:
  a/m: { input: 1, output: 10 }
X
reload
expect log contains "hearth.yaml:3:19: target gone/m: there is no upstream of that name; the config in force stays"
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"max_tokens":900}
X
expect content "from a"
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"max_tokens":900}
X
expect status 429
config alone <<X
upstreams: { a: { nonsense: 1 } }
X
reload
expect log contains "hearth.yaml:1:19:"
expect running
