# The log is what the config wants: lines for people when told so, and nothing below the level.
upstream a openai
config <<X
log: { format: human, level: info }
jobs:
  bulk: { chain: [a/m] }
X
start
expect log contains "info  serve: listening on 127.0.0.1:"
config <<X
log: { format: json, level: warn }
jobs:
  bulk: { chain: [a/m] }
  bulk2: { chain: [a/m, a/n] }
X
reload
client-until 200 5000 POST /v1/chat/completions <<X
{"model":"bulk2","messages":[{"role":"user","content":"hello"}]}
X
expect log lacks "read again"
expect log contains "\"level\":\"warn\""
stop
expect log lacks "stopping"
