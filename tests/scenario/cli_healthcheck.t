# `hearth healthcheck` says by its exit status whether the server of a config is ready, and why it is not.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
cli healthcheck
expect cli status 1
expect cli contains "/readyz: "
script a tokens 60 every 25
start
cli healthcheck
expect cli status 0
cli healthcheck --live
expect cli status 0
cli healthcheck --listen 127.0.0.1:$port
expect cli status 0
cli healthcheck --listen 127.0.0.1:$a
expect cli status 1
cli healthcheck nonsense
expect cli status 2
client c1 POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
read c1 until "quick"
signal TERM
expect log contains "stopping"
cli healthcheck
expect cli status 1
wait c1
expect sse-done
