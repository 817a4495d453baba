# Sound that must stay at home is heard at home or not at all, and a budget reserves what it may cost.
upstream home openai place: home
upstream cloud openai vendor: openai
upstream poor openai vendor: openai, budget: { month: 0.001 USD }
config <<X
jobs:
  hear: { chain: [home/whisper-1, cloud/whisper-1] }
X
script home status 404 body "404 page not found"
start
raw <<X
POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=XbX\r\nx-hearth-boundary: home\r\ncontent-length: 12175\r\n\r\n
--XbX\r\ncontent-disposition: form-data; name="model"\r\n\r\nhear\r\n--XbX\r\ncontent-disposition: form-data; name="file"; filename="speech.mp3"\r\ncontent-type: audio/mpeg\r\n\r\n{{s*12000}}\r\n--XbX--\r\n
X
expect status 503
expect json .error.code nobody_home
expect json .error.message contains "home/whisper-1: it has no endpoint for this kind of call"
expect seen cloud requests 0
raw <<X
POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=XbX\r\ncontent-length: 12185\r\n\r\n
--XbX\r\ncontent-disposition: form-data; name="model"\r\n\r\npoor/whisper-1\r\n--XbX\r\ncontent-disposition: form-data; name="file"; filename="speech.mp3"\r\ncontent-type: audio/mpeg\r\n\r\n{{s*12000}}\r\n--XbX--\r\n
X
expect status 429
expect body contains "budget of upstream poor"
expect seen poor requests 0
