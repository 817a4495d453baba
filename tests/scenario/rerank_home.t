# What must stay at home is ranked at home or not at all, and a budget reserves what ranking may cost.
upstream a openai place: home
upstream b openai
upstream c openai budget: { month: 0.00001 USD }
config <<X
jobs:
  rank: { chain: [a/rr, b/rr] }
  poor: { chain: [c/rr] }
prices:
  c/rr: { input: 2, output: 0 }
X
start
script a status 500
client POST /v1/rerank -H "x-hearth-boundary: home" <<X
{"model":"rank","query":"red fox","documents":["a","b"]}
X
expect status 503
expect json .error.code nobody_home
expect seen b requests 0
client POST /v1/rerank <<X
{"model":"poor","query":"red fox","documents":["{{word *100}}"]}
X
expect status 429
expect body contains "budget of upstream c"
expect seen c requests 0
