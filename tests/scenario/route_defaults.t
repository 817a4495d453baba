# Defaults of a job are added where the client said nothing, and never replace what it said.
upstream a openai
upstream b openai
config <<X
jobs:
  bulk: { chain: [a/m], defaults: { max_tokens: 800, temperature: 0.2, metadata: { from: hearth } } }
  checked: { chain: [a/m, b/m], defaults: { response_format: { type: json_object }, stream_options: { include_obfuscation: false } } }
X
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"temperature":1}
X
expect status 200
expect request a json .max_tokens 800
expect request a json .temperature 1
expect request a json .metadata.from hearth
script a reply "no JSON"
script b reply "{}"
client POST /v1/chat/completions <<X
{"model":"checked","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect header x-hearth-target b/m
expect request b json .response_format.type json_object
expect request b json .stream_options absent
script a
client POST /v1/embeddings <<X
{"model":"bulk","input":"hello"}
X
expect status 200
expect request a json .max_tokens absent
expect request a json .temperature absent
expect request a json .metadata.from hearth
client POST /v1/completions <<X
{"model":"bulk","prompt":"hello"}
X
expect status 200
expect request a json .max_tokens 800
