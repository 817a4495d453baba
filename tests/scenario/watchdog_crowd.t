# With a thousand open streams, through another config and a stop, the watchdog never waits longer for a pulse than it may.
# slow
# alone
# plain
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
script a tokens 60 every 100
notify abstract watchdog 2000
start
crowd 1000 POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
reload
expect log contains "read again (1)"
signal TERM
expect crowd 1000 whole
expect notified fed
ended within 5000
expect ledger count 1000 outcome done
