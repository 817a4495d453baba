# An upstream behind TLS answers when an authority of ca_file vouches for its name or address.
upstream a tls:good
upstream name tls:good url: "https://localhost:$name/v1"
config <<X
loops: 1
ca_file: $folder/ca.pem
X
script a reply "over TLS"
script name reply "by name"
start
client POST /v1/chat/completions <<X
{"model":"a/m","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect content "over TLS"
client POST /v1/chat/completions <<X
{"model":"a/m","messages":[{"role":"user","content":"hello"}],"stream":true}
X
expect content "over TLS"
expect sse-done
expect seen a requests 2 connections 1
client POST /v1/chat/completions <<X
{"model":"name/m","messages":[{"role":"user","content":"hello"}]}
X
expect content "by name"
