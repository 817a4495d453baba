# Calls that find their home server silent wait for two of its time limits at most, however many of its models they try.
upstream a hole place: home
config <<X
loops: 1
jobs:
  private: { chain: [a/x, a/y, a/z] }
X
start
client c1 POST /v1/chat/completions <<X &
{"model":"private","messages":[{"role":"user","content":"hello"}]}
X
expect ledger count 0
client c2 POST /v1/chat/completions <<X &
{"model":"private","messages":[{"role":"user","content":"hello"}]}
X
client c3 POST /v1/chat/completions <<X &
{"model":"private","messages":[{"role":"user","content":"hello"}]}
X
wait c1
expect status 504
wait c2
expect status 504
wait c3
expect status 504
expect took under 8000
expect ledger count 3 outcome failed attempts 3
