# A probe of a plan that does not leave after all (its budget knows no price) leaves the next call the probe.
# plain: libfaketime and a sanitizer both want to be loaded first.
upstream plan openai
upstream b openai
config alone <<X
upstreams:
  plan: { url: "http://127.0.0.1:$plan/v1", key: passthrough, regime: plan, plan: { windows: [5h] } }
  b: { url: "http://127.0.0.1:$b/v1" }
jobs:
  hard: { chain: [plan/m, b/m] }
X
script plan reply "paid" header anthropic-ratelimit-unified-status rejected header anthropic-ratelimit-unified-5h-status rejected header anthropic-ratelimit-unified-5h-reset 1795269600 header anthropic-ratelimit-unified-overage-in-use true; reply "back" header anthropic-ratelimit-unified-status allowed
script b reply "from b"
clock 2026-11-21T13:50:00Z
start
keep token file data/admin-token
client POST /v1/chat/completions -H "authorization: Bearer sk-one" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect content "paid"
clock 2026-11-21T14:00:45Z
config alone <<X
upstreams:
  plan: { url: "http://127.0.0.1:$plan/v1", key: passthrough, regime: plan, plan: { windows: [5h], overage: allow }, budget: { day: 1 USD } }
  b: { url: "http://127.0.0.1:$b/v1" }
jobs:
  hard: { chain: [plan/m, b/m] }
X
rewrite
client-until 200 8000 POST /hearth/v1/reload -H "authorization: Bearer $token"
client POST /v1/chat/completions -H "authorization: Bearer sk-one" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
cli explain $call
expect cli contains "1. plan/m  skipped: it has a budget and no known price"
config alone <<X
upstreams:
  plan: { url: "http://127.0.0.1:$plan/v1", key: passthrough, regime: plan, plan: { windows: [5h], overage: allow } }
  b: { url: "http://127.0.0.1:$b/v1" }
jobs:
  hard: { chain: [plan/m, b/m] }
X
rewrite
client-until 200 8000 POST /hearth/v1/reload -H "authorization: Bearer $token"
client POST /v1/chat/completions -H "authorization: Bearer sk-one" <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect content "back"
