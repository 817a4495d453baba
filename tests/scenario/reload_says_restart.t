# What only a restart can change is said, and the rest is in force.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
start
config <<X
loops: 2
resolver: 127.0.0.1:5353
data: /nowhere
ledger: { keep: 30d }
jobs:
  work: { chain: [a/m] }
X
reload
expect log contains "`loops` is another one now: that takes effect with a restart" "`resolver` is another" "`data` is another" "`ledger.keep` is another"
expect log lacks "`listen`"
client POST /v1/chat/completions <<X
{"model":"work","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
stop
