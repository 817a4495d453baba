# A key that stays at home does so whatever the headers say; a header narrows any key.
upstream cloud openai
upstream home ollama place: home
config <<X
jobs:
  bulk: { chain: [cloud/m, home/m] }
  away: { chain: [cloud/m] }
X
script home reply "at home"
script cloud reply "away"
cli keys add den --boundary home
keep den cli
cli keys add web --boundary any
keep web cli
start
client POST /v1/chat/completions -H "x-hearth-key: $den" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect content "at home"
expect header x-hearth-boundary home
client POST /v1/chat/completions -H "x-hearth-key: $den" -H "x-hearth-boundary: any" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect content "at home"
expect header x-hearth-boundary home
client POST /v1/chat/completions -H "x-hearth-key: $den" -H "x-hearth-boundary: any" <<X
{"model":"away","messages":[{"role":"user","content":"hello"}]}
X
expect status 503
client POST /v1/chat/completions -H "x-hearth-key: $den" -H "x-hearth-boundary: any" <<X
{"model":"cloud/m","messages":[{"role":"user","content":"hello"}]}
X
expect status 503
expect seen cloud requests 0
client POST /v1/chat/completions -H "x-hearth-key: $web" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect content "away"
client POST /v1/chat/completions -H "x-hearth-key: $web" -H "x-hearth-boundary: home" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect content "at home"
