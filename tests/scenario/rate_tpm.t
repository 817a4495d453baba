# An upstream gets `tpm` tokens a minute: what a call will likely use counts while it is under way, what it used when it is over.
upstream a openai tpm: 1000
upstream b openai
config <<X
jobs:
  bulk: { chain: [a/m, b/m] }
  only: { chain: [a/m] }
X
script a reply "from a" usage 10 20; reply "from a" usage 10 20; reply "from a" usage 900 400
script b reply "from b"
start
# the whole minute is held for it, and 30 are used
repeat 2 client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"max_tokens":2000}
X
expect content "from a"
# the third turns out to be larger than it looked: the minute is over
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"max_tokens":2000}
X
expect content "from a"
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
client POST /v1/chat/completions <<X
{"model":"only","messages":[{"role":"user","content":"hello"}]}
X
expect status 429
expect header retry-after over 30
expect body contains "a/m: not tried, its tokens of this minute (tpm) are used up, back in "
expect seen a requests 3
