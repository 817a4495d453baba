# What the engine has not and what would change the answer is refused by its name, in every dialect; what asks for nothing passes. Samplers, the repeat penalty and how much to think reach it from each face.
model chat.gguf tiny-llama3 Q8_0 1
config alone <<Y
upstreams:
  engine: { dialect: engine, context: 512, threads: 1, models: { tiny: chat.gguf } }
jobs:
  talk: { chain: [engine/tiny] }
Y
start
client POST /v1/chat/completions <<J
{"model":"talk","max_tokens":2,"top_logprobs":3,"messages":[{"role":"user","content":"one"}]}
J
expect status 400
expect json .error.message like "*top_logprobs*is only taken where*logprobs*is true*"
client POST /v1/chat/completions <<J
{"model":"talk","max_tokens":2,"mirostat":2,"messages":[{"role":"user","content":"one"}]}
J
expect status 400
expect body contains "mirostat"
client POST /v1/chat/completions <<J
{"model":"talk","max_tokens":2,"mirostat":0,"min_tokens":0,"something_of_tomorrow":true,"user":"me","messages":[{"role":"user","content":"one"}]}
J
expect status 200
client POST /v1/chat/completions <<J
{"model":"talk","max_tokens":2,"stop":["a",""],"messages":[{"role":"user","content":"one"}]}
J
expect status 400
expect body contains "stop"
client POST /v1/chat/completions <<J
{"model":"talk","max_tokens":2,"n":2,"messages":[{"role":"user","content":"one"}]}
J
expect status 400
client POST /api/chat <<J
{"model":"talk","stream":false,"options":{"num_predict":2,"temperature":0,"repeat_penalty":1.5,"top_k":5,"min_p":0.1},"messages":[{"role":"user","content":"one"}]}
J
expect status 200
expect header-absent x-hearth-lost
client POST /api/chat <<J
{"model":"talk","stream":false,"options":{"num_predict":2,"repeat_last_n":5},"messages":[{"role":"user","content":"one"}]}
J
expect status 200
expect header x-hearth-lost contains "repeat_last_n"
client POST /v1/messages <<J
{"model":"talk","max_tokens":2,"top_k":5,"messages":[{"role":"user","content":"one"}]}
J
expect status 200
expect header-absent x-hearth-lost
client POST /v1/chat/completions <<J
{"model":"talk","max_tokens":2,"tools":[{"type":"function","function":{"name":"f","strict":true,"parameters":{"type":"object"}}}],"messages":[{"role":"user","content":"one"}]}
J
expect status 200
expect json .hearth.note like "*a tool says `strict`*"
client POST /v1/chat/completions <<J
{"model":"talk","max_tokens":2,"reasoning_effort":"enormous","messages":[{"role":"user","content":"one"}]}
J
expect status 400
expect body contains "reasoning_effort"
expect engine processes 1
