# Reloads, keys, hedges, lines, slow and leaving clients, upstreams up and down, all at once: whole replies, true books, nothing kept.
# slow
# alone
each seed <<X
11
12
X
upstream a openai
upstream b openai
upstream c openai
upstream d ollama
keep one text <<X
loops: 2
hosts: [one.example]
memory: { buffered: 1 MiB }
limits: { body: 1 MiB, calls: 30 }
upstreams:
  a: { url: "http://127.0.0.1:$a/v1", timeout: { first_byte: 400ms, idle: 400ms }, concurrent: 2, queue: { max: 6, wait: 500ms } }
  b: { url: "http://127.0.0.1:$b/v1", timeout: { first_byte: 400ms, idle: 400ms } }
  c: { url: "http://127.0.0.1:$c/v1", timeout: { first_byte: 400ms, idle: 400ms }, budget: { day: 5 USD } }
  d: { url: "http://127.0.0.1:$d/v1", place: home, timeout: { first_byte: 400ms, idle: 400ms } }
jobs:
  bulk: { chain: [{ try: [a/m, b/m], hedge_after: 20ms, balance: fastest }, c/m] }
  hard: { chain: [b/m, c/m], requires: "http://127.0.0.1:$a/health" }
  near: { chain: [d/m], boundary: home }
prices: { a/m: { input: 1, output: 2 }, a/e: { input: 1, output: 0 }, b/m: { input: 3, output: 4 }, c/m: { input: 1, output: 9 }, d/m: { input: 1, output: 2 }, d/n: { input: 1, output: 3 } }
X
keep two text <<X
loops: 2
hosts: [two.example, three.example]
memory: { buffered: 1 MiB }
limits: { body: 1 MiB, calls: 30 }
upstreams:
  a: { url: "http://127.0.0.1:$a/v1", timeout: { first_byte: 400ms, idle: 400ms } }
  c: { url: "http://127.0.0.1:$c/v1", timeout: { first_byte: 400ms, idle: 400ms }, concurrent: 1, queue: { max: 2, wait: 100ms } }
  d: { url: "http://127.0.0.1:$d/v1", place: home, timeout: { first_byte: 400ms, idle: 400ms }, concurrent: 3 }
jobs:
  bulk: { chain: [{ try: [c/m, a/m], hedge_after: 5ms }] }
  hard: { chain: [{ try: a/m, hedge_after: 1ms }, c/m] }
  near: { chain: [{ try: [d/m, d/n], hedge_after: 5ms }], boundary: home }
prices: { a/m: { input: 1, output: 2 }, a/e: { input: 1, output: 0 }, b/m: { input: 3, output: 4 }, c/m: { input: 1, output: 9 }, d/m: { input: 1, output: 2 }, d/n: { input: 1, output: 3 } }
X
keep bad text <<X
jobs: { bulk: { chain: [gone/m] } }
X
keep last text <<X
loops: 2
memory: { buffered: 1 MiB }
limits: { body: 1 MiB, calls: 30 }
upstreams:
  z: { url: "http://127.0.0.1:$b/v1", concurrent: 30 }
  c: { url: "http://127.0.0.1:$c/v1", budget: { day: 5 USD } }
jobs: { bulk: { chain: [z/m] } }
prices: { z/m: { input: 1, output: 2 } }
X
cli keys add stays
keep stays cli
cli keys add web
keep web cli
config alone <<X
$one
X
script a tokens 5 every 2 ; first 40 reply "fine" ; tokens 400 bytes 4000 ; status 500 ; drop 2 tokens 9 every 1
script b tokens 10 every 3 ; reply "fine" ; hang ; status 429 ; first 30 tokens 5
script c reply "fine" ; tokens 60 bytes 8000 ; cut 3 ; head 30 reply "late"
script d first 10 reply "fine"
start
chaos $seed 28 2500 <<X
ask /v1/chat/completions "{\"model\":\"bulk\",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}],\"stream\":true}" $stays
ask /v1/chat/completions "{\"model\":\"bulk\",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}" $web
ask /v1/chat/completions "{\"model\":\"hard\",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}],\"stream\":true}" $stays
ask /v1/chat/completions "{\"model\":\"near\",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}],\"stream\":true}" $stays
ask /v1/chat/completions "{\"model\":\"near\",\"messages\":[{\"role\":\"user\",\"content\":\"{{hello *20000}}\"}]}" $stays
ask /v1/chat/completions "{\"model\":\"bulk\",\"messages\":[{\"role\":\"user\",\"content\":\"{{hello *20000}}\"}],\"stream\":true}" $stays
ask /v1/embeddings "{\"model\":\"a/e\",\"input\":\"hello\"}" $stays
reload $one
reload $two
reload $one
reload $two
reload $bad
signal HUP
signal HUP
down a
up a
down b
up b
up a
up b
down d
up d
script a tokens 5 every 2 ; first 60 reply "fine" ; hang ; reply "x" ; tokens 400 bytes 4000
script a reply "fine"
script b tokens 10 every 3 ; reply "fine" ; hang ; status 429 header retry-after 1
script b tokens 60 bytes 8000
script c reply "fine" ; tokens 20 bytes 8000 ; cut 3 ; hang
script d first 10 reply "fine" ; hang ; tokens 9 every 5
cli keys rotate web
X
up b
script b reply "fine"
keep token file data/admin-token
reload $last
client-until 200 8000 POST /hearth/v1/reload -H "authorization: Bearer $token"
client-until 200 2000 GET /v1/models/z%2Fm -H "x-hearth-key: $stays"
expect seen a connected 0
expect seen a open 0
expect seen c connected 0
expect seen d connected 0
expect ledger answered
expect ledger unique
expect ledger count 0 outcome open
client GET /metrics
expect metrics format
expect metrics ledger
expect metrics "hearth_in_flight{upstream=\"z\"} 0"
expect metrics "hearth_calls_open 0"
expect metrics "hearth_held_bytes 0"
expect metrics "hearth_budget_held_usd{upstream=\"c\",window=\"day\"} 0"
expect metrics "hearth_queue_length{upstream=\"z\"} 0"
script b reply "fine" first 600
burst 31 POST /v1/chat/completions -H "x-hearth-key: $stays" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect burst 30 status 200
expect burst 1 status 503
client POST /v1/chat/completions -H "x-hearth-key: $stays" <<X
{"model":"bulk","messages":[{"role":"user","content":"{{hello *170000}}"}]}
X
expect status 200
stop
expect ledger count 0 outcome lost
