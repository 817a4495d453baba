# `hearth explain` tells every candidate of a call and why it was taken or skipped, from the journal and from the store, after kill -9 too.
upstream plan openai key: passthrough, regime: plan, plan: { windows: [5h] }
upstream nokey openai key: "env:NOT_SET"
upstream a openai
upstream b anthropic dialect: anthropic, url: "http://127.0.0.1:$b"
upstream c openai
config <<X
jobs:
  hard: { chain: [plan/claude-opus-5-5, nokey/m, a/m, b/m, c/m] }
  plain: { chain: [nokey/m, c/m] }
  cheap: { chain: [{ try: [a/m, c/m], balance: cheapest }] }
prices:
  a/m: { input: 1, output: 1 }
  b/m: { input: 2, output: 2 }
  c/m: { input: 3, output: 3 }
X
script a status 500
script b reply "from b" usage 100 10
script c reply "from c" usage 100 10
start
client POST /v1/chat/completions <<X
{"model":"hard","seed":7,"messages":[{"role":"user","content":"a canary sings"}]}
X
expect status 200
expect header x-hearth-target b/m
expect header x-hearth-lost contains "seed"
keep first text <<X
$call
X
cli explain $call
expect cli status 0
expect cli contains "call $call" "job hard, asked for as `hard` in the dialect openai" "answered by b/m, status 200"
expect cli contains "1. plan/claude-opus-5-5  skipped: no credential" "what you can do: the upstream takes the client's own login"
expect cli contains "2. nokey/m  skipped: no key (" "NOT_SET" "what you can do: give the upstream its key"
expect cli contains "3. a/m  attempt 1: server error" "4. b/m  attempt 2: answered" "credit, translated to anthropic," "tokens in 100, out 10, $ 0.000220"
expect cli contains "5. c/m  not asked: it stands in today's chain" "lost in translation (docs/reference/translation.md): seed"
expect cli lacks "canary"
cli explain $call.2 --json
expect cli contains "\"call\":\"$call\"" "\"under_way\":false,\"asked\":\"hard\",\"boundary\":\"any\",\"http_status\":200,\"dialect\":\"openai\""
expect cli contains "{\"target\":\"plan/claude-opus-5-5\",\"took\":\"skipped\",\"reason\":\"no_credential\",\"words\":\"no credential\""
expect cli contains "{\"target\":\"a/m\",\"took\":\"tried\",\"reason\":\"server_error\"" "\"attempt\":2,\"regime\":\"credit\",\"dialect\":\"anthropic\""
expect cli contains "{\"target\":\"c/m\",\"took\":\"not_asked\"}" "\"lost\":[\"seed\"]"
keep token file data/admin-token
client GET /hearth/v1/calls/$first
expect status 401
client GET /hearth/v1/calls/$first -H "authorization: Bearer $token"
expect status 200
expect json .candidates[1].reason "no_key"
expect json .candidates[2].reason "server_error"
expect json .candidates[3].dialect "anthropic"
expect json .lost[0] "seed"
client GET /hearth/v1/calls/01ARZ3NDEKTSV4RRFFQ69G5FAV -H "authorization: Bearer $token"
expect status 404
expect json .error.message contains "is not in these books"
client GET /hearth/v1/calls/nonsense -H "authorization: Bearer $token"
expect status 400
# a skip alone is worth keeping; a call that went to its first candidate has nothing to keep
client POST /v1/chat/completions <<X
{"model":"plain","messages":[{"role":"user","content":"hello"}]}
X
expect header x-hearth-target c/m
cli explain $call
expect cli contains "1. nokey/m  skipped: no key (" "2. c/m  attempt 1: answered"
client POST /v1/chat/completions <<X
{"model":"c/m","messages":[{"role":"user","content":"hello"}]}
X
cli explain $call --json
expect cli contains "\"dialect\":\"\"" "\"candidates\":[{\"target\":\"c/m\",\"took\":\"tried\",\"reason\":\"done\""
# what a group was compared by
client POST /v1/chat/completions <<X
{"model":"cheap","max_tokens":10,"messages":[{"role":"user","content":"hello"}]}
X
expect header x-hearth-target c/m
cli explain $call
expect cli contains "1. a/m  attempt 1: server error" "2. c/m  attempt 2: answered" "compared at $ 0.0000"
# one that is under way, and what is known of it by then
script c tokens 1000 every 20
client w POST /v1/chat/completions <<X &
{"model":"c/m","stream":true,"messages":[{"role":"user","content":"hello"}]}
X
read w until "brown"
keep open text <<Y
$call
Y
cli explain $open
expect cli contains "still under way" "1. c/m  attempt 1: under way"
abort w fin
cli explain 01ARZ3NDEKTSV4RRFFQ69G5FAV
expect cli status 1
expect cli contains "is not in these books; `hearth usage --calls` lists those that are"
cli explain hello
expect cli status 2
cli explain
expect cli status 2
# the store tells what the journal told
stop
cli explain $first
expect cli contains "2. nokey/m  skipped: no key (" "lost in translation (docs/reference/translation.md): seed"
start
client POST /v1/chat/completions <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
kill
cli explain $call
expect cli contains "2. nokey/m  skipped: no key (" "4. b/m  attempt 2: answered"
expect files-lack "canary"
