# Prices with hours change at their minute, in the offset they name; the attempt keeps the price it began with.
# plain: libfaketime and a sanitizer both want to be loaded first.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
prices:
  a/m:
    input: 1
    output: 10
    hours:
      - { from: "18:00", to: "02:00", utc: "+02:00", input: 0.5, output: 5 }
X
script a usage 100 500
env TZ Europe/Berlin
clock 2026-06-30T15:59:55Z
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect ledger last outcome done cost_nusd 5100000
clock 2026-06-30T16:00:01Z
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect ledger last outcome done cost_nusd 2550000
clock 2026-06-30T23:59:50Z
script a usage 100 500 first 400
client slow POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect seen a requests 3
clock 2026-07-01T00:00:01Z
wait slow
expect ledger last outcome done cost_nusd 2550000
script a usage 100 500
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect ledger last outcome done cost_nusd 5100000
cli usage --by day --json
expect cli contains "\"name\":\"2026-06-30\",\"calls\":3," "\"name\":\"2026-07-01\",\"calls\":1,"
