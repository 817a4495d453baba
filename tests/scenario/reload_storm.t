# Reloads come one after the other as fast as they like beside a stream; an empty file, as one that is being written, is refused.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
script a tokens 100 every 20
start
client c1 POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
read c1 until "quick"
reload
expect log contains "read again (1)"
reload
expect log contains "read again (2)"
reload
expect log contains "read again (3)"
reload
expect log contains "read again (4)"
reload
expect log contains "read again (5)"
reload
expect log contains "read again (6)"
reload
expect log contains "read again (7)"
reload
expect log contains "read again (8)"
reload
expect log contains "read again (9)"
reload
expect log contains "read again (10)"
reload
expect log contains "read again (11)"
reload
expect log contains "read again (12)"
reload
expect log contains "read again (13)"
reload
expect log contains "read again (14)"
reload
expect log contains "read again (15)"
reload
expect log contains "read again (16)"
reload
expect log contains "read again (17)"
reload
expect log contains "read again (18)"
reload
expect log contains "read again (19)"
reload
expect log contains "read again (20)"
reload
expect log contains "read again (21)"
reload
expect log contains "read again (22)"
reload
expect log contains "read again (23)"
reload
expect log contains "read again (24)"
config alone <<X
X
reload
expect log contains "hearth.yaml names no upstream at all: is it whole?; the config in force stays"
script a reply "from a"
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect content "from a"
wait c1
expect sse-done
stop
