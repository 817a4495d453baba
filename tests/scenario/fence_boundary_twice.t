# Of two x-hearth-boundary headers the narrower one counts, or the call is refused.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
start
client POST /v1/chat/completions -H "x-hearth-boundary: any" -H "x-hearth-boundary: home" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect seen a requests 0
expect status 400
