# An attempt that fails before its first content moves the call to the next step, unseen, whatever it failed of.
each script <<X
status 404
status 408
status 409
status 500
status 502
status 503 html
status 504
status 529
empty
error-200 "the backend is gone"
garbage
html
malformed
no-choices
reply ""
drop -1
reply drop 1
reply cut 0
X
upstream a openai
upstream b openai
config <<X
jobs:
  bulk: { chain: [a/m, b/m] }
X
script a $script
script b reply "from b"
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect content "from b"
expect header x-hearth-target b/m
expect header x-hearth-attempts 2
expect seen b requests 1
expect ledger last outcome done attempts 2 target b/m
expect seen a requests 1
