# The client's credentials and headers stay here; the upstream gets its own key and nothing of the caller.
upstream a openai key: "env:A_KEY"
config <<X
jobs:
  bulk: { chain: [a/m] }
X
env A_KEY sk-upstream-secret
start
client POST /v1/chat/completions -H "authorization: Bearer sk-client-secret" -H "x-api-key: sk-client-second" -H "cookie: a=b" -H "x-stainless-os: Linux" -H "x-hearth-tags: t" -H "accept-encoding: gzip" -H "origin-agent: x" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect request a header authorization "Bearer sk-upstream-secret"
expect request a head lacks "client-secret" "client-second" "a=b" "stainless" "hearth-tags" "gzip" "origin-agent"
expect files-lack "sk-upstream-secret"
expect files-lack "sk-client-secret"
