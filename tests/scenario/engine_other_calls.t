# Calls that the engine has no endpoint for are refused as that, and its models answer on.
model chat.gguf tiny-llama3 Q8_0 1
model embed.gguf tiny-nomic-bert F16 1
config alone <<Y
upstreams:
  engine: { dialect: engine, context: 512, threads: 1, models: { tiny: chat.gguf, vec: embed.gguf } }
jobs:
  fast: { chain: [engine/tiny] }
  embed: { chain: [engine/vec] }
Y
start
repeat 3 client POST /v1/rerank <<J
{"model":"embed","query":"a","documents":["a","b"]}
J
expect status 400
expect json .error.message contains "engine/vec" "it has no endpoint for this kind of call"
raw <<X
POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=XbX\r\ncontent-length: 177\r\n\r\n
--XbX\r\ncontent-disposition: form-data; name="model"\r\n\r\nembed\r\n--XbX\r\ncontent-disposition: form-data; name="file"; filename="speech.mp3"\r\ncontent-type: audio/mpeg\r\n\r\ns\r\n--XbX--\r\n
X
expect status 400
expect json .error.message contains "engine/vec" "it has no endpoint for this kind of call"
client POST /v1/embeddings <<J
{"model":"embed","input":"a"}
J
expect status 200
expect json .data[0].embedding[0] any
