# Another config does not touch calls under way: a stream ends at an upstream that is gone from it, new calls follow the new one.
upstream a openai
upstream b openai
config alone <<X
upstreams: { a: { url: "http://127.0.0.1:$a/v1" } }
jobs:
  bulk: { chain: [a/m] }
X
script a tokens 40 every 60
script b reply "from b"
start
client c1 POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
read c1 until "quick"
config alone <<X
upstreams: { b: { url: "http://127.0.0.1:$b/v1" } }
jobs:
  bulk: { chain: [b/m] }
X
reload
expect log contains "read again (1)"
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
client GET /v1/models
expect body lacks "a/m"
expect body contains "b/m"
client POST /v1/chat/completions <<X
{"model":"a/m","messages":[{"role":"user","content":"hello"}]}
X
expect status 404
wait c1
expect sse-done
expect seen a completed 1 aborted 0
expect seen b requests 1
expect ledger count 2 outcome done
stop
