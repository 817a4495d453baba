# A conversation that does not fit into the engine's context is an error with both numbers; where the job says `overflow: drop_oldest` its oldest turns are left out, and the header tells how many tokens, in every dialect. A reload changes it, the client's own word wins, and a last turn that is too long stays an error.
model chat.gguf tiny-llama3 Q8_0 1
config alone <<Y
upstreams:
  engine: { dialect: engine, context: 256, threads: 1, models: { tiny: chat.gguf } }
jobs:
  talk: { chain: [engine/tiny] }
Y
start
client POST /v1/chat/completions <<J
{"model":"talk","temperature":0,"max_tokens":8,"messages":[{"role":"system","content":"one"},{"role":"user","content":"{{one two three four *40}}"},{"role":"assistant","content":"{{five *60}}"},{"role":"user","content":"one two"}]}
J
expect status 400
expect json .error.code "context_length_exceeded"
expect json .error.message like "the prompt has * tokens; the context holds 256, the answer included"
expect header-absent x-hearth-dropped
client POST /v1/chat/completions <<J
{"model":"talk","temperature":0,"max_tokens":250,"messages":[{"role":"user","content":"one two"}]}
J
expect status 400
expect json .error.message like "the prompt has * tokens and the answer may have 250; the context holds 256"
config alone <<Y
upstreams:
  engine: { dialect: engine, context: 256, threads: 1, models: { tiny: chat.gguf } }
jobs:
  talk: { chain: [engine/tiny], overflow: drop_oldest }
Y
reload
expect log count 1 "read again"
client POST /v1/chat/completions <<J
{"model":"talk","temperature":0,"max_tokens":8,"messages":[{"role":"system","content":"one"},{"role":"user","content":"{{one two three four *40}}"},{"role":"assistant","content":"{{five *60}}"},{"role":"user","content":"one two"}]}
J
expect status 200
expect header x-hearth-dropped over 200
expect json .usage.prompt_tokens under 100
expect ledger last target "engine/tiny" outcome done attempts 1
client POST /v1/chat/completions <<J
{"model":"talk","stream":true,"temperature":0,"max_tokens":8,"messages":[{"role":"user","content":"{{one two three four *40}}"},{"role":"assistant","content":"{{five *60}}"},{"role":"user","content":"one two"}]}
J
expect status 200
expect sse-done
expect header x-hearth-dropped over 200
client POST /v1/messages <<J
{"model":"talk","temperature":0,"max_tokens":8,"messages":[{"role":"user","content":"{{one two three four *40}}"},{"role":"assistant","content":"{{five *60}}"},{"role":"user","content":"one two"}]}
J
expect status 200
expect header x-hearth-dropped over 200
client POST /api/chat <<J
{"model":"talk","options":{"num_predict":8,"temperature":0},"messages":[{"role":"user","content":"{{one two three four *40}}"},{"role":"assistant","content":"{{five *60}}"},{"role":"user","content":"one two"}]}
J
expect status 200
expect header x-hearth-dropped over 200
client POST /v1/chat/completions <<J
{"model":"talk","temperature":0,"max_tokens":8,"messages":[{"role":"user","content":"one two"}]}
J
expect status 200
expect header-absent x-hearth-dropped
client POST /v1/chat/completions <<J
{"model":"talk","hearth":{"overflow":"error"},"temperature":0,"max_tokens":8,"messages":[{"role":"user","content":"{{one two three four *40}}"},{"role":"assistant","content":"{{five *60}}"},{"role":"user","content":"one two"}]}
J
expect status 400
expect json .error.code "context_length_exceeded"
client POST /v1/chat/completions <<J
{"model":"talk","temperature":0,"max_tokens":8,"messages":[{"role":"user","content":"one"},{"role":"assistant","content":"two"},{"role":"user","content":"{{one two three four *90}}"}]}
J
expect status 400
expect json .error.message like "the prompt has * tokens; the context holds 256, the answer included"
client POST /v1/chat/completions <<J
{"model":"talk","hearth":{"overflow":"newest"},"messages":[{"role":"user","content":"one"}]}
J
expect status 400
expect body contains "hearth.overflow must be error or drop_oldest"
config alone <<Y
upstreams:
  engine: { dialect: engine, context: 256, threads: 1, models: { tiny: chat.gguf } }
jobs:
  talk: { chain: [engine/tiny], overflow: error }
Y
reload
expect log count 2 "read again"
client POST /v1/chat/completions <<J
{"model":"talk","temperature":0,"max_tokens":8,"messages":[{"role":"user","content":"{{one two three four *40}}"},{"role":"assistant","content":"{{five *60}}"},{"role":"user","content":"one two"}]}
J
expect status 400
expect engine processes 1
