# Under `cheapest` a conversation stays where its prefix is cached unless moving is cheaper after the lost prefix is paid.
upstream a openai
upstream b openai
config <<X
jobs:
  talk: { chain: [a/m, b/m], balance: cheapest }
  group: { chain: [{ try: [a/m, b/m], balance: cheapest }] }
prices:
  a/m: { input: 1, output: 1 }
  b/m: { input: 2, cached: 0.1, output: 2 }
X
script a status 500; reply "from a" usage 5000 10
script b reply "from b" usage 5000 10; reply "from b" usage 5050 10 cached 5000; reply "from b" usage 5050 10 cached 5000; status 500; reply "from b" usage 5000 10
start
client POST /v1/chat/completions <<X
{"model":"talk","max_tokens":50,"messages":[{"role":"user","content":"{{a long question *1600}}"}]}
X
expect header x-hearth-target b/m
expect header x-hearth-attempts 2
# a is there again, and cheaper for whoever has nothing cached
client POST /v1/chat/completions <<X
{"model":"talk","max_tokens":50,"messages":[{"role":"user","content":"{{another long one *1600}}"}]}
X
expect header x-hearth-target a/m
client POST /v1/chat/completions <<X
{"model":"talk","max_tokens":50,"messages":[{"role":"user","content":"{{a long question *1600}}"},{"role":"assistant","content":"from b"},{"role":"user","content":"and then?"}]}
X
expect header x-hearth-target b/m
expect header x-hearth-attempts 1
cli explain $call
expect cli contains "1. b/m  attempt 1: answered" "with 5,000 tokens taken to be cached there" "the conversation stayed: 5,000 tokens of it were cached at b/m"
expect cli contains "2. a/m  not asked: it stands in today's chain, and was not needed" "compared at $ 0.00"
# a reload changes nothing about that
reload
client POST /v1/chat/completions <<X
{"model":"talk","max_tokens":50,"messages":[{"role":"user","content":"{{a long question *1600}}"},{"role":"assistant","content":"from b"},{"role":"user","content":"and again?"}]}
X
expect header x-hearth-target b/m
# it fails there: the chain goes on from its beginning, and nobody is asked twice
client POST /v1/chat/completions <<X
{"model":"talk","max_tokens":50,"messages":[{"role":"user","content":"{{a long question *1600}}"},{"role":"assistant","content":"from b"},{"role":"user","content":"and now?"}]}
X
expect header x-hearth-target a/m
expect header x-hearth-attempts 2
expect seen b requests 4
cli explain $call
expect cli contains "1. b/m  attempt 1: server error" "2. a/m  attempt 2: answered" "the conversation moved: 5,050 tokens of it were cached at b/m"
client GET /metrics
expect metrics "hearth_conversation_calls_total{job=\"talk\",result=\"stayed\"} 2"
expect metrics "hearth_conversation_calls_total{job=\"talk\",result=\"moved\"} 1"
# so much is new that reading all of it at a is cheaper than the rest of it at b
script a status 500; reply "from a" usage 5000 10
client POST /v1/chat/completions <<X
{"model":"group","max_tokens":50,"messages":[{"role":"user","content":"{{a third question *1600}}"}]}
X
expect header x-hearth-target b/m
client POST /v1/chat/completions <<X
{"model":"group","max_tokens":50,"messages":[{"role":"user","content":"{{a third question *1600}}"},{"role":"user","content":"{{and this *6000}}"}]}
X
expect header x-hearth-target a/m
expect files-lack "long question"
