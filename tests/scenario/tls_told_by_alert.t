# An upstream with http:// that answers with a TLS alert is told as one that wants https://.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
script a raw "\x15\x03\x01"
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 502
expect json .error.message contains "write https:// in `url`"
