# The engine dies before the first content of an answer: the call goes on with the next of its chain, and the client sees one clean answer.
model chat.gguf tiny-llama3 Q8_0 1
upstream b openai place: home
config <<Y
jobs:
  fast: { chain: [engine/tiny, b/m] }
Y
