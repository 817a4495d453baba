# A plan with a key of the owner's: its usage-limit error spends it, a plain 429 does not, and the quota endpoint is asked with that key alone.
upstream plan openai
upstream quota openai
upstream b openai
env GLM sk-glm
config alone <<X
upstreams:
  plan: { url: "http://127.0.0.1:$plan/v1", key: env:GLM, regime: plan, plan: { windows: [5h], quota: "http://127.0.0.1:$quota/v1/chat/completions" } }
  b: { url: "http://127.0.0.1:$b/v1" }
jobs:
  hard: { chain: [plan/glm-4.6, b/m] }
X
script plan reply "one"; status 429 body "{\"error\":{\"code\":\"1308\",\"message\":\"Usage limit reached for 5 hour.\"}}"; reply "never"
script quota status 200 body "{\"data\":{\"limits\":[{\"type\":\"TOKENS_LIMIT\",\"unit\":3,\"number\":5,\"percentage\":6,\"nextResetTime\":1769563775988}]}}"
script b reply "from b"
start
client POST /v1/chat/completions -H "authorization: Bearer sk-client" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect content "one"
expect seen quota requests 1
expect request quota header authorization "Bearer sk-glm"
client POST /v1/chat/completions <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
client POST /v1/chat/completions <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
expect seen plan requests 2
expect seen quota requests 1
