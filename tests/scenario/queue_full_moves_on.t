# A full line at home is a reason to take the next step, at once; a call that waited too long takes it as well.
upstream a openai place: home, concurrent: 1, queue: { max: 1, wait: 700ms }
upstream b openai
config <<X
loops: 1
jobs:
  bulk: { chain: [a/m, b/m] }
X
script a reply "from a" first 3000
script b reply "from b"
start
client c1 POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect seen a requests 1
client c2 POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
client-until 200 200 POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
expect took under 500
expect header x-hearth-attempts 1
expect header x-hearth-target b/m
wait c2
expect content "from b"
expect took over 600
expect header x-hearth-attempts 1
wait c1
expect content "from a"
expect seen a requests 1
expect seen b requests 2
expect log lacks "rests"
expect ledger count 3 outcome done
expect ledger count 3 attempts 1
