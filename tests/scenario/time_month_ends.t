# A budget that is spent refuses to the end of its month in UTC, says when that is, and is free again in the next.
# plain: libfaketime and a sanitizer both want to be loaded first.
upstream a openai budget: { month: 0.01 USD }
config <<X
jobs:
  bulk: { chain: [a/m] }
prices:
  a/m: { input: 1, output: 10 }
X
script a reply "from a" usage 100 500
env TZ Europe/Berlin
clock 2026-12-31T23:00:10Z
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"max_tokens":900}
X
expect content "from a"
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"max_tokens":900}
X
expect status 429
expect json .error.message contains "budget" "upstream a"
expect header retry-after over 3500
expect header retry-after under 3592
clock 2026-12-31T23:59:50Z
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"max_tokens":900}
X
expect status 429
expect header retry-after under 12
clock 2027-01-01T00:00:01Z
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"max_tokens":900}
X
expect content "from a"
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"max_tokens":900}
X
expect status 429
expect seen a requests 2
expect ledger count 2 outcome done
expect ledger count 3 outcome failed
cli usage --by day --json
expect cli contains "\"name\":\"2026-12-31\",\"calls\":3,\"failed\":2" "\"name\":\"2027-01-01\",\"calls\":2,\"failed\":1"
kill
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"max_tokens":900}
X
expect status 429
cli usage --to 2027-01-01 --json
expect cli contains "\"calls\":3"
