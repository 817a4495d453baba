# The admin API reads the config again and answers when it is in force, or says where and why it cannot be; a token is needed.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
start
keep token file data/admin-token
client POST /hearth/v1/reload
expect status 401
config <<X
loops: 3
jobs:
  work: { chain: [a/m] }
X
rewrite
client POST /hearth/v1/reload -H "authorization: Bearer $token"
expect status 200
expect json .reloaded "true"
expect json .said[0] contains "`loops`"
client POST /v1/chat/completions <<X
{"model":"work","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
config <<X
jobs:
  work: { chain: [gone/m] }
X
rewrite
client POST /hearth/v1/reload -H "authorization: Bearer $token"
expect status 409
expect json .error.code "config_refused"
expect json .error.message contains "hearth.yaml:2:19: target gone/m" "the config in force stays"
client POST /v1/chat/completions <<X
{"model":"work","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
