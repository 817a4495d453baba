# What an upstream refuses has used a call of its minute; what never reached it has not, and who waits in its line has none.
upstream a openai rpm: 2, concurrent: 1, queue: { max: 4, wait: 5s }
upstream b openai rpm: 3
config <<X
loops: 1
jobs:
  refused: { chain: [b/m] }
  bulk: { chain: [a/m] }
X
script b status 400 body "{\"error\":{\"message\":\"no\"}}"
script a reply "from a" first 400
start
client POST /v1/chat/completions <<X
{"model":"refused","messages":[{"role":"user","content":"hello"}]}
X
expect status 400
down b
client POST /v1/chat/completions <<X
{"model":"refused","messages":[{"role":"user","content":"hello"}]}
X
expect status 503
up b
script b reply "from b"
repeat 2 client POST /v1/chat/completions <<X
{"model":"refused","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
client POST /v1/chat/completions <<X
{"model":"refused","messages":[{"role":"user","content":"hello"}]}
X
expect status 429
expect body contains "(rpm)"
expect seen b requests 3
# one is answered, one waits in the line for its place; a third that waits too finds the minute full when its turn comes
client c1 POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect seen a requests 1
client c2 POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
client c3 POST /v1/chat/completions <<X &
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
wait c1
expect content "from a"
wait c2
expect content "from a"
wait c3
expect status 429
expect body contains "its calls of this minute (rpm) are used up"
expect seen a requests 2
