# Keys are made, listed and revoked over the admin API by the same rules, in force at once; `run`, `url` and `key` cannot be set.
upstream a openai
config <<X
loops: 1
jobs:
  bulk: { chain: [a/m] }
  hard: { chain: [a/n] }
X
start
keep token file data/admin-token
client POST /hearth/v1/keys -H "authorization: Bearer $token" <<X
{"name":"web","jobs":["bulk"],"boundary":"any","tags":["t","u"],"rpm":100}
X
expect status 201
keep web json .key
expect json .name "web"
client POST /v1/chat/completions -H "authorization: Bearer $web" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect ledger last key web
client POST /v1/chat/completions -H "authorization: Bearer $web" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect status 403
client GET /hearth/v1/keys -H "authorization: Bearer $token"
expect status 200
expect json .keys[0].name "web"
expect json .keys[0].rpm "100"
expect body lacks "hearth_"
client POST /hearth/v1/keys -H "authorization: Bearer $token" <<X
{"name":"web"}
X
expect status 409
client POST /hearth/v1/keys -H "authorization: Bearer $token" <<X
{"name":"Bad Name"}
X
expect status 400
client POST /hearth/v1/keys -H "authorization: Bearer $token" <<X
{"name":"n","key":"sk-planted-by-somebody"}
X
expect status 400
expect json .error.message contains "cannot be set over HTTP"
client POST /hearth/v1/keys -H "authorization: Bearer $token" <<X
{"name":"n","from":"env:HOME"}
X
expect status 400
client POST /hearth/v1/keys -H "authorization: Bearer $token" <<X
{"name":"n","url":"http://x"}
X
expect status 400
client POST /hearth/v1/keys -H "authorization: Bearer $token" <<X
{"name":"n","run":"id"}
X
expect status 400
client POST /hearth/v1/keys -H "authorization: Bearer $token" <<X
{"name":"n","unknown":1}
X
expect status 400
client POST /hearth/v1/keys -H "authorization: Bearer $token" <<X
{"name":"n","rpm":1.5}
X
expect status 400
client POST /hearth/v1/keys -H "authorization: Bearer $token" <<X
[1
X
expect status 400
client POST /hearth/v1/keys -H "authorization: Bearer $token" <<X
{"name":"n","tags":["{{a*40000}}"]}
X
expect status 400
client DELETE /hearth/v1/keys/nobody -H "authorization: Bearer $token"
expect status 404
client DELETE /hearth/v1/keys/web -H "authorization: Bearer $token"
expect status 200
client GET /v1/models -H "authorization: Bearer $web"
expect status 401
client PUT /hearth/v1/keys -H "authorization: Bearer $token" <<X
{}
X
expect status 405
expect header allow "GET, HEAD, POST"
expect files-lack "$web"
