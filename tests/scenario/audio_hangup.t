# Who leaves in the middle of an upload starts nothing; who leaves while it is being heard cancels it.
upstream a openai
config <<X
jobs:
  hear: { chain: [a/whisper-1] }
X
script a first 15000 reply "late"
start
raw c1 <<X &
POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=XbX\r\ncontent-length: 3000175\r\n\r\n
--XbX\r\ncontent-disposition: form-data; name="file"; filename="speech.mp3"\r\ncontent-type: audio/mpeg\r\n\r\n{{s*3000000}}\r\n--XbX\r\ncontent-disposition: form-data; name="model"\r\n\r\nhear\r\n
X
abort c1 rst
raw c2 <<X &
POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=XbX\r\ncontent-length: 3000175\r\n\r\n
--XbX\r\ncontent-disposition: form-data; name="file"; filename="speech.mp3"\r\ncontent-type: audio/mpeg\r\n\r\n{{s*3000000}}\r\n--XbX\r\ncontent-disposition: form-data; name="model"\r\n\r\nhear\r\n--XbX--\r\n
X
expect seen a open 1
abort c2 fin
expect aborted a within 1000
expect seen a requests 1
expect ledger count 1
expect ledger last outcome left
