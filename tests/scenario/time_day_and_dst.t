# Calls are booked in the UTC day they were made, in order and once each, also when the zone's clock skips or repeats an hour.
# plain: libfaketime and a sanitizer both want to be loaded first.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
prices:
  a/m: { input: 1, output: 10 }
X
script a reply "from a" usage 100 500
env TZ Europe/Berlin
clock 2026-03-28T23:30:00Z
start
client POST /v1/chat/completions -H "x-hearth-task: before-midnight" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
clock 2026-03-29T00:59:57Z
client POST /v1/chat/completions -H "x-hearth-task: before-spring" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
clock 2026-03-29T01:00:02Z
client POST /v1/chat/completions -H "x-hearth-task: after-spring" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
clock 2026-10-25T00:59:57Z
client POST /v1/chat/completions -H "x-hearth-task: before-autumn" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
clock 2026-10-25T01:00:02Z
client POST /v1/chat/completions -H "x-hearth-task: after-autumn" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
clock 2026-10-25T23:59:50Z
client POST /v1/chat/completions -H "x-hearth-task: last-of-the-day" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
clock 2026-10-26T00:00:01Z
client POST /v1/chat/completions -H "x-hearth-task: first-of-the-next" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect ledger 1 task before-midnight outcome done total_ms 0..900
expect ledger 2 task before-spring outcome done total_ms 0..900
expect ledger 3 task after-spring outcome done total_ms 0..900
expect ledger 4 task before-autumn outcome done total_ms 0..900
expect ledger 5 task after-autumn outcome done total_ms 0..900
expect ledger 6 task last-of-the-day outcome done total_ms 0..900
expect ledger 7 task first-of-the-next outcome done total_ms 0..900
cli usage --calls --json
expect cli contains "\"time\":\"2026-03-29T00:59:5" "\"time\":\"2026-03-29T01:00:0" "\"time\":\"2026-10-25T00:59:5" "\"time\":\"2026-10-25T01:00:0"
cli usage --by day --json
expect cli contains "\"name\":\"2026-03-28\",\"calls\":1," "\"name\":\"2026-03-29\",\"calls\":2," "\"name\":\"2026-10-25\",\"calls\":3," "\"name\":\"2026-10-26\",\"calls\":1,"
cli usage --from 2026-10-25 --to 2026-10-26 --json
expect cli contains "\"calls\":3,"
cli usage --from 2026-03-29 --to 2026-03-30 --json
expect cli contains "\"calls\":2,"
stop
cli usage --by day --json
expect cli contains "\"name\":\"2026-03-28\",\"calls\":1," "\"name\":\"2026-03-29\",\"calls\":2," "\"name\":\"2026-10-25\",\"calls\":3," "\"name\":\"2026-10-26\",\"calls\":1,"
