# What is particular to a vendor's stream passes, and its usage is found where that vendor puts it.
each flavour script cached mark <<X
deepseek | reply "hi there" reasoning "hm" usage 11 5 cached 4 | 4 | "prompt_cache_hit_tokens":4
groq | reply "hi there" usage 11 5 | 0 | "x_groq"
llama-server | reply "hi there" usage 11 5 cached 4 | 4 | "timings"
moonshot | reply "hi there" usage 11 5 cached 4 | 4 | "cached_tokens":4
openrouter | reply "hi there" usage 11 5 cached 4 | 4 | "provider":"Simulated
X
upstream a $flavour
config <<X
jobs:
  bulk: { chain: [a/m] }
X
script a $script
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
expect sse-done
expect content "hi there"
expect body contains "$mark"
expect ledger last outcome done input 11 cached $cached output 5 estimated false
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect ledger last outcome done input 11 cached $cached output 5 estimated false
