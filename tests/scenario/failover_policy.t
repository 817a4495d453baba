# What one vendor's content filter refuses is not tried at the same vendor again, but at another one.
upstream a deepseek vendor: deepseek
upstream again deepseek vendor: deepseek
upstream other openai vendor: moonshot
config <<X
jobs:
  bulk: { chain: [a/deepseek-flash, again/deepseek-flash, other/kimi-k2.6] }
X
script a status 400 fault policy
script other reply "no objection"
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect content "no objection"
expect header x-hearth-attempts 2
expect seen again requests 0
