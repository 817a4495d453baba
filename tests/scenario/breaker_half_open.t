# When its rest is over exactly one call probes the target; the others go elsewhere meanwhile. A probe that succeeds closes the breaker.
upstream a openai
upstream b openai
config <<X
jobs:
  bulk: { chain: [a/m, b/m] }
X
script a status 500; status 500; status 500; status 500; status 500; reply "probe" first 1000; reply "from a"
script b reply "from b"
start
repeat 5 client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect seen a requests 5
client c1 POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
client-until 503 3000 POST /v1/chat/completions <<X
{"model":"a/m","messages":[{"role":"user","content":"hello"}]}
X
expect json .error.message contains "cooling"
probe a 6 4000 POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
burst 5 POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect burst 5 body "from b"
expect seen a requests 6
wait probe
expect content "probe"
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect content "from a"
