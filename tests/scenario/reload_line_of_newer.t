# A line that a newer config made moves on with the end of a call whose own config knew no limit.
upstream a openai
config alone <<X
upstreams: { a: { url: "http://127.0.0.1:$a/v1" } }
jobs: { bulk: { chain: [a/m] } }
X
script a tokens 30 every 20
start
client c1 POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
read c1 until "quick"
config alone <<X
upstreams: { a: { url: "http://127.0.0.1:$a/v1", concurrent: 1, queue: { max: 4, wait: 10s } } }
jobs: { bulk: { chain: [a/m] } }
X
reload
expect log contains "read again (1)"
script a reply "fine"
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect took under 4000
wait c1
expect sse-done
expect ledger count 2 outcome done
stop
