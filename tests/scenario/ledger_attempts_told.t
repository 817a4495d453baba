# `usage --attempts` tells every attempt, where it went and why it ended; after kill -9 too.
upstream a openai
upstream b openai
upstream c openai
config <<X
jobs:
  bulk: { chain: [a/m, b/m, c/m] }
X
script a status 500
script b no-choices
script c usage 100 50
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
cli usage --attempts --json
expect cli status 0
expect cli like "*\"attempt\":1,*\"target\":\"a/m\",*\"ok\":false,\"reason\":\"server_error\",*\"total_ms\":*\"attempt\":2,*\"target\":\"b/m\",*\"reason\":\"empty\"*\"attempt\":3,*\"target\":\"c/m\",*\"ok\":true,\"reason\":\"done\",\"input\":100,\"cached\":0,\"cache_write\":0,\"output\":50,*"
expect cli contains "$call"
cli usage --attempts --csv --target b/m
expect cli like "call,attempt,time,*,2,*b/m,credit,false,empty,*"
expect cli lacks "a/m" "c/m"
cli usage --attempts
expect cli contains "$call.3" "server_error"
cli usage --attempts --calls
expect cli status 2
script a hang
client POST /v1/chat/completions <<X &
{"model":"a/m","messages":[{"role":"user","content":"hello"}]}
X
expect seen a requests 2
kill
cli usage --attempts --json
expect cli contains "\"reason\":\"lost\""
start
cli usage --attempts --json
expect cli contains "\"reason\":\"lost\""
