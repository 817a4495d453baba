# The admin API needs its token from callers on this machine too; a key for calls does not do there, nor the token for calls.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
env HEARTH_KEY sk-house-0123456789
cli keys add web
keep web cli
start
keep token file data/admin-token
client GET /hearth/v1/status
expect status 401
expect header www-authenticate "Bearer"
client GET /hearth/v1/status -H "authorization: Bearer hearth_admin_0000000000000000000000000000000000000000000000000000000000000000"
expect status 401
client GET /hearth/v1/status -H "authorization: Bearer $web"
expect status 401
client GET /hearth/v1/status -H "authorization: Bearer sk-house-0123456789"
expect status 401
client GET /hearth/v1/status -H "x-hearth-key: $token"
expect status 401
client GET /hearth/v1/nothing
expect status 401
client POST /hearth/v1/keys <<X
{"name":"x"}
X
expect status 401
client GET /v1/models -H "authorization: Bearer $token"
expect status 401
client GET /hearth/v1/status -H "authorization: Bearer $token"
expect status 200
expect header cache-control "no-store"
client GET /hearth/v1/nothing -H "authorization: Bearer $token"
expect status 404
stop
start
client GET /hearth/v1/status -H "authorization: Bearer $token"
expect status 200
client GET /hearth/v1/status -H "authorization: Bearer $token" -H "host: evil.example"
expect status 403
client GET /hearth/v1/status -H "authorization: Bearer $token" -H "origin: https://evil.example"
expect status 403
client GET /hearth/v1/status -H "authorization: Bearer $token" -H "sec-fetch-site: cross-site"
expect status 403
client POST /hearth/v1/keys -H "authorization: Bearer $token" -H "origin: http://127.0.0.1:$port" -H "content-type: text/plain" <<X
{"name":"x"}
X
expect status 415
client GET /hearth/v1/status -H "authorization: Bearer $token" -H "origin: http://127.0.0.1:$port"
expect status 200
expect log lacks "$token"
