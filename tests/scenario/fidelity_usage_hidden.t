# Usage is asked for upstream and hidden from a client that did not ask; the ledger has it.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
script a reply "hi there" usage 11 5
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
expect sse-done
expect content "hi there"
expect body lacks "prompt_tokens" "\"choices\":[]"
expect request a json .stream_options.include_usage true
expect ledger last outcome done input 11 output 5 estimated false
