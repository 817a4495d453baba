# Only the model name changes in the request: unknown members, order, blanks, escapes and numbers arrive byte for byte.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/some-model] }
X
start
client POST /v1/chat/completions <<X
{ "zeta" : [1.50, -0e2, 1E+3, 12345678901234567890],
  "model":"bulk" ,"messages":[{"role":"user","content":"h\u00e9llo \"x\" \\ \ud83d\ude00 ü", "x_unknown": {"a":null}}],
  "unknown_object":{"deep":[[[{}]]] } , "temperature":0.10 }
X
expect status 200
expect request a body <<X
{ "zeta" : [1.50, -0e2, 1E+3, 12345678901234567890],
  "model":"some-model" ,"messages":[{"role":"user","content":"h\u00e9llo \"x\" \\ \ud83d\ude00 ü", "x_unknown": {"a":null}}],
  "unknown_object":{"deep":[[[{}]]] } , "temperature":0.10 }
X
