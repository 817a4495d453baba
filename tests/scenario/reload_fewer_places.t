# With fewer places than before, a call that ends under the old config lets nobody in beyond the new number.
upstream a openai
config alone <<X
loops: 1
upstreams: { a: { url: "http://127.0.0.1:$a/v1", concurrent: 3, queue: { max: 4, wait: 10s } } }
jobs: { bulk: { chain: [a/m] } }
X
script a tokens 400 every 20
start
client c1 POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
client c2 POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
client c3 POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
read c1 until "quick"
read c2 until "quick"
read c3 until "quick"
config alone <<X
loops: 1
upstreams: { a: { url: "http://127.0.0.1:$a/v1", concurrent: 1, queue: { max: 4, wait: 10s } } }
jobs: { bulk: { chain: [a/m] } }
X
reload
expect log contains "read again (1)"
script a reply "fine"
client c4 POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
client-until 200 2000 GET /readyz
abort c1 rst
expect aborted a within 1000
client GET /metrics
expect metrics "hearth_in_flight{upstream=\"a\"} 2"
expect metrics "hearth_queue_length{upstream=\"a\"} 1"
abort c2 rst
abort c3 rst
wait c4
expect status 200
stop
