# A breaker that is open stays open over another config; with another key the target is asked again at once.
upstream a openai
upstream b openai
env A_KEY old
env B_KEY new
config alone <<X
upstreams:
  a: { url: "http://127.0.0.1:$a/v1", key: "env:A_KEY" }
  b: { url: "http://127.0.0.1:$b/v1" }
jobs:
  bulk: { chain: [a/m, b/m] }
X
script a fault key
script b reply "from b"
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect header x-hearth-attempts 2
config alone <<X
upstreams:
  b: { url: "http://127.0.0.1:$b/v1" }
  a: { url: "http://127.0.0.1:$a/v1", key: "env:A_KEY", concurrent: 9 }
jobs:
  other: { chain: [b/m] }
  bulk: { chain: [a/m, b/m] }
X
reload
expect log contains "read again (1)"
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect header x-hearth-attempts 1
expect content "from b"
expect seen a requests 1
config alone <<X
upstreams:
  b: { url: "http://127.0.0.1:$b/v1" }
  a: { url: "http://127.0.0.1:$a/v1", key: "env:B_KEY" }
jobs:
  bulk: { chain: [a/m, b/m] }
X
script a reply "from a"
reload
expect log contains "read again (2)"
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect content "from a"
expect header x-hearth-attempts 1
