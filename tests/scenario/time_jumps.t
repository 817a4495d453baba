# A wall clock that jumps, forward or back, moves no time-out, no breaker and no duration; ids stay unique, the books readable.
# plain: libfaketime and a sanitizer both want to be loaded first.
upstream a openai timeout: { first_byte: 3s, idle: 3s, total: 5s }
upstream b openai
config <<X
jobs:
  bulk: { chain: [a/m] }
  both: { chain: [a/m, b/m] }
X
script b reply "from b"
clock 2026-05-15T12:00:00Z
start
script a first 600 reply "slow"
client forward POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect seen a requests 1
clock 2026-05-16T12:00:00Z
wait forward
expect status 200
expect content "slow"
expect ledger last outcome done total_ms 500..2900
client back POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect seen a requests 2
clock 2026-05-14T12:00:00Z
wait back
expect status 200
expect content "slow"
expect ledger count 2 outcome done total_ms 500..2900
script a tokens 6 every 100
client stream POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
expect seen a requests 3
clock 2027-05-14T12:00:00Z
clock 2026-05-14T12:00:10Z
wait stream
expect sse-done
script a status 500
repeat 5 client POST /v1/chat/completions <<X
{"model":"both","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect json .error.message contains "cooling"
clock 2026-05-14T18:00:00Z
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect json .error.message contains "cooling"
clock 2026-05-13T12:00:00Z
script a reply "again"
client-until 200 4000 POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect content "again"
script a hang
client POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
client POST /v1/chat/completions <<X
{"model":"both","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
expect took over 2900
expect took under 6000
clock 2026-05-12T12:00:00Z
kill
start
script a reply "after the restart"
client-until 200 4000 POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect ledger count 0 outcome lost
expect ledger count 5 outcome done target a/m
expect ledger unique
