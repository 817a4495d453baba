# Between the steps of a chain a switch is priced: a conversation stays at a later step while going back costs more, until that has cost as much; a dearer step that stands first and a plan take it back at once; each says why.
# plain: libfaketime and a sanitizer both want to be loaded first.
upstream plan openai key: passthrough, regime: plan, plan: { windows: [5h] }
upstream a openai
upstream b openai
config <<X
jobs:
  same: { chain: [a/m, b/m] }
  quality: { chain: [a/best, b/m] }
  flat: { chain: [plan/claude-opus-5-5, b/m] }
prices:
  a/m: { input: 1, cached: 0.5, output: 1 }
  a/best: { input: 10, cached: 1, output: 30 }
  b/m: { input: 1.1, cached: 0.6, output: 1.1 }
X
script a status 500; reply "from a" usage 5000 10
script b reply "from b" usage 5000 10; reply "from b" usage 5000 10 cached 4900
clock 2026-11-21T13:00:00Z
start
client POST /v1/chat/completions -H "authorization: Bearer sk-one" <<X
{"model":"same","max_tokens":50,"messages":[{"role":"user","content":"{{a long question *1600}}"}]}
X
expect header x-hearth-target b/m
expect header x-hearth-attempts 2
# a is there again: it would cost 0.005, b costs 0.003, and a once warm 0.0025; so that is paid after five turns
repeat 4 client POST /v1/chat/completions -H "authorization: Bearer sk-one" <<X
{"model":"same","max_tokens":50,"messages":[{"role":"user","content":"{{a long question *1600}}"},{"role":"assistant","content":"well"},{"role":"user","content":"and then?"}]}
X
expect header x-hearth-target b/m
expect header x-hearth-attempts 1
cli explain $call
expect cli contains "1. b/m  attempt 1: answered" "the conversation stayed: 5,000 tokens of it were cached at b/m; an earlier step would have to read all of it anew, which costs more"
expect cli contains "2. a/m  not asked" "compared at $ 0.00"
cli explain $call --json
expect cli contains "\"stayed\":true,\"why\":\"prefix\""
client POST /v1/chat/completions -H "authorization: Bearer sk-one" <<X
{"model":"same","max_tokens":50,"messages":[{"role":"user","content":"{{a long question *1600}}"},{"role":"assistant","content":"well"},{"role":"user","content":"and then?"}]}
X
expect header x-hearth-target a/m
cli explain $call
expect cli contains "the conversation moved: 5,000 tokens of it were cached at b/m; staying had cost as much more as going back to an earlier step costs"
# the better model stands first
script a status 500; reply "from a" usage 5000 10
client POST /v1/chat/completions -H "authorization: Bearer sk-one" <<X
{"model":"quality","max_tokens":50,"messages":[{"role":"user","content":"{{another long one *1600}}"}]}
X
expect header x-hearth-target b/m
client POST /v1/chat/completions -H "authorization: Bearer sk-one" <<X
{"model":"quality","max_tokens":50,"messages":[{"role":"user","content":"{{another long one *1600}}"},{"role":"assistant","content":"well"},{"role":"user","content":"and then?"}]}
X
expect header x-hearth-target a/best
cli explain $call
expect cli contains "the conversation moved" "an earlier step stands first although it is the dearer one"
# the plan is spent, the conversation goes on with credits; at the reset it is home, for that costs nothing more
script plan status 429 header anthropic-ratelimit-unified-status rejected header anthropic-ratelimit-unified-5h-status rejected header anthropic-ratelimit-unified-5h-reset 1795269600; reply "from plan" usage 5000 10
clock 2026-11-21T13:58:00Z
client POST /v1/chat/completions -H "authorization: Bearer sk-one" <<X
{"model":"flat","max_tokens":50,"messages":[{"role":"user","content":"{{a third long one *1600}}"}]}
X
expect header x-hearth-target b/m
client POST /v1/chat/completions -H "authorization: Bearer sk-one" <<X
{"model":"flat","max_tokens":50,"messages":[{"role":"user","content":"{{a third long one *1600}}"},{"role":"assistant","content":"well"},{"role":"user","content":"and then?"}]}
X
expect header x-hearth-target b/m
expect header x-hearth-attempts 1
cli explain $call
expect cli contains "1. plan/claude-opus-5-5  skipped: a window of its plan is spent (5h, until 2026-11-21T14:0" "the conversation stayed"
clock 2026-11-21T14:00:45Z
client POST /v1/chat/completions -H "authorization: Bearer sk-one" <<X
{"model":"flat","max_tokens":50,"messages":[{"role":"user","content":"{{a third long one *1600}}"},{"role":"assistant","content":"well"},{"role":"user","content":"and then?"}]}
X
expect header x-hearth-target plan/claude-opus-5-5
expect header x-hearth-attempts 1
cli explain $call
expect cli contains "the conversation moved: 5,000 tokens of it were cached at b/m; an earlier step costs no more, whatever has to be read anew there"
expect files-lack "long question" "sk-one"
