# A key is made when none is given and one was asked for, told once, and kept; the next start takes the same and tells nothing.
upstream a openai
argument --make-key
config <<X
jobs:
  bulk: { chain: [a/m] }
X
start
expect log contains "a key was made, told here this once" "/data/container.key: hearth_"
client POST /v1/chat/completions -H "x-hearth-key: hearth_wrong" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 401
stop
start
expect log count 2 "listening on"
expect log count 1 "a key was made"
stop
env HEARTH_KEY chosen
start
client POST /v1/chat/completions -H "x-hearth-key: chosen" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect files-lack "chosen"
