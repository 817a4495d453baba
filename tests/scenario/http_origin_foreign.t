# A page from elsewhere may not use us: a foreign Origin or Sec-Fetch-Site is 403; our own and listed ones may.
upstream a openai
config <<X
origins: ["https://chat.example"]
jobs:
  bulk: { chain: [a/m] }
X
start
client POST /v1/chat/completions -H "origin: https://evil.example" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 403
client POST /v1/chat/completions -H "sec-fetch-site: cross-site" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 403
client POST /v1/chat/completions -H "origin: null" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 403
expect seen a connections 0
client POST /v1/chat/completions -H "origin: https://chat.example" -H "content-type: text/plain" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 415
client POST /v1/chat/completions -H "origin: https://chat.example" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect header access-control-allow-origin https://chat.example
expect header access-control-expose-headers contains "x-hearth-call" "x-hearth-lost" "x-hearth-dropped"
client POST /v1/chat/completions -H "origin: http://127.0.0.1:$port" -H "sec-fetch-site: same-origin" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
client POST /v1/chat/completions -H "content-type: application/x-www-form-urlencoded" <<X
{"model":"bulk","messages":[{"role":"user","content":"curl -d"}]}
X
expect status 200
