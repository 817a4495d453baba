# Above the limit of calls under way further ones are refused at once with 503 and retry-after; the healthy ones go on.
upstream a openai
config <<X
limits: { calls: 4 }
jobs:
  bulk: { chain: [a/m] }
X
script a reply "fine" first 800
start
burst 12 POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect burst 4 status 200
expect burst 8 status 503
expect burst 8 header retry-after 1
expect burst 8 body "calls are under way"
client-until 200 3000 POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect ledger count 5 outcome done
