# A call waits at home for a place in the line before `concurrent`, in the order of arrival, and is answered there.
upstream a openai place: home, concurrent: 1, queue: { max: 8, wait: 10s }
config <<X
jobs:
  private: { chain: [a/m] }
X
script a echo first 300
start
client c1 POST /v1/chat/completions <<X &
{"model":"private","messages":[{"role":"user","content":"one"}]}
X
expect seen a requests 1
client c2 POST /v1/chat/completions <<X &
{"model":"private","stream":true,"messages":[{"role":"user","content":"two"}]}
X
client c3 POST /v1/chat/completions <<X &
{"model":"private","messages":[{"role":"user","content":"three"}]}
X
wait c2
expect status 200
expect content "two"
expect header x-hearth-attempts 1
expect header x-hearth-overhead-us over 100000
wait c3
expect content "three"
expect header x-hearth-attempts 1
expect header x-hearth-overhead-us over 100000
wait c1
expect content "one"
expect header x-hearth-overhead-us under 50000
burst 8 POST /v1/chat/completions <<X
{"model":"private","messages":[{"role":"user","content":"hello"}]}
X
expect burst 8 status 200
expect seen a requests 11
expect ledger count 11 outcome done
