# Three other configs and a stop under a thousand open streams cut none of them, and the watchdog is fed all the while.
# slow
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
script a tokens 60 every 100
notify abstract watchdog 800
start
crowd 1000 POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
config <<X
jobs:
  one: { chain: [a/m] }
X
reload
expect log contains "read again (1)"
config <<X
jobs:
  two: { chain: [a/m] }
X
reload
expect log contains "read again (2)"
config <<X
jobs:
  three: { chain: [a/m] }
X
reload
expect log contains "read again (3)"
client POST /v1/chat/completions <<X
{"model":"three","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect notified again contains "[WATCHDOG=1]"
signal TERM
expect crowd 1000 whole
ended within 5000
expect ledger count 1001 outcome done
