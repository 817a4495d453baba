# The kept connections to an upstream that a newer config does not name are closed; so are those of the config before.
upstream a openai
upstream b openai
config alone <<X
upstreams: { a: { url: "http://127.0.0.1:$a/v1" }, b: { url: "http://127.0.0.1:$b/v1" } }
jobs: { one: { chain: [a/m] }, two: { chain: [b/m] } }
X
start
client POST /v1/chat/completions <<X
{"model":"one","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
client POST /v1/chat/completions <<X
{"model":"two","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect seen a connected 1
expect seen b connected 1
config alone <<X
upstreams: { b: { url: "http://127.0.0.1:$b/v1" } }
jobs: { two: { chain: [b/m] } }
X
reload
expect log contains "read again (1)"
expect seen a connected 0
expect seen b connected 0
client POST /v1/chat/completions <<X
{"model":"two","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect seen b connected 1
stop
