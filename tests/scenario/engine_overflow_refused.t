# `overflow: drop_oldest` for a job whose chain has no model of the built-in engine, and a word that it does not know, are refused by `config check` and by `serve` with their place.
model chat.gguf tiny-llama3 Q8_0 1
each what job place text <<T
foreign | { chain: [a/m], overflow: drop_oldest } | 5:35 | job talk: `overflow: drop_oldest` is done by the built-in engine
word | { chain: [engine/tiny], overflow: newest } | 5:43 | overflow
T
config alone <<Y
upstreams:
  engine: { dialect: engine, context: 256, models: { tiny: chat.gguf } }
  a: { url: "http://127.0.0.1:9/v1" }
jobs:
  talk: $job
Y
cli config check
expect cli status 1
expect cli contains "hearth.yaml:$place:" "$text"
refused "$text"
