# A file is sent on while it comes, and from its beginning again when a place fails in the middle; whatever stands behind it counts.
upstream a openai vendor: openai
upstream b openai vendor: openai
upstream g groq vendor: groq
config <<X
jobs:
  hear: { chain: [a/whisper-1, b/whisper-1] }
  subtitles: { chain: [g/whisper-large-v3, b/whisper-1] }
X
start
raw c <<X &
POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=XbX\r\ncontent-length: 3000254\r\n\r\n
--XbX\r\ncontent-disposition: form-data; name="model"\r\n\r\nhear\r\n--XbX\r\ncontent-disposition: form-data; name="file"; filename="speech.mp3"\r\ncontent-type: audio/mpeg\r\n\r\n{{sound*600000}}
X
expect seen a connected 1 requests 1 completed 0
down a
expect seen b connected 1 requests 1 completed 0
send c lines <<X
\r\n--XbX\r\ncontent-disposition: form-data; name="response_format"\r\n\r\nverbose_json\r\n--XbX--\r\n
X
wait c
expect status 200
expect header x-hearth-target b/whisper-1
expect header x-hearth-attempts 2
expect json .duration 3000
expect request b body contains "name=\"model\"\r\n\r\nwhisper-1\r\n--XbX" "{{sound*600000}}\r\n--XbX" "verbose_json"
expect ledger last outcome done attempts 2 cost_nusd 300000000
up a
# who cannot write subtitles is asked again, for segments, when they turn out to be wanted behind the file
raw d <<X &
POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=XbX\r\ncontent-length: 3000250\r\n\r\n
--XbX\r\ncontent-disposition: form-data; name="model"\r\n\r\nsubtitles\r\n--XbX\r\ncontent-disposition: form-data; name="file"; filename="speech.mp3"\r\ncontent-type: audio/mpeg\r\n\r\n{{sound*600000}}
X
expect seen g connected 1
send d lines <<X
\r\n--XbX\r\ncontent-disposition: form-data; name="response_format"\r\n\r\nsrt\r\n--XbX--\r\n
X
wait d
expect status 200
expect header x-hearth-target g/whisper-large-v3
expect header x-hearth-attempts 2
expect body contains "00:50:00,000"
expect request g body contains "\r\n\r\nverbose_json\r\n--XbX--"
expect seen g completed 1
# a form that turns out to be none ends the call, and what is asked with it
forget b
raw e <<X &
POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=XbX\r\ncontent-length: 3000250\r\n\r\n
--XbX\r\ncontent-disposition: form-data; name="model"\r\n\r\nb/whisper-1\r\n--XbX\r\ncontent-disposition: form-data; name="file"; filename="speech.mp3"\r\ncontent-type: audio/mpeg\r\n\r\n{{sound*600000}}
X
expect seen b requests 1
send e lines <<X
\r\n--XbX\r\ncontent-disposition: form-data; name="model"\r\n\r\na/whisper-1\r\n--XbX--\r\n
X
wait e
expect status 400
expect json .error.message "model is given twice"
expect seen b completed 0
expect ledger last outcome failed attempts 1
# whether it is a stream is told behind the file
raw f <<X &
POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=XbX\r\ncontent-length: 3000252\r\n\r\n
--XbX\r\ncontent-disposition: form-data; name="model"\r\n\r\nb/gpt-4o-transcribe\r\n--XbX\r\ncontent-disposition: form-data; name="file"; filename="speech.mp3"\r\ncontent-type: audio/mpeg\r\n\r\n{{sound*600000}}
X
send f lines <<X
\r\n--XbX\r\ncontent-disposition: form-data; name="stream"\r\n\r\ntrue\r\n--XbX--\r\n
X
wait f
expect status 200
expect header content-type text/event-stream
expect sse-done
# who leaves in the middle cancels it
forget g
raw h <<X &
POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=XbX\r\ncontent-length: 3000189\r\n\r\n
--XbX\r\ncontent-disposition: form-data; name="model"\r\n\r\ng/whisper-large-v3\r\n--XbX\r\ncontent-disposition: form-data; name="file"; filename="speech.mp3"\r\ncontent-type: audio/mpeg\r\n\r\n{{sound*600000}}
X
expect seen g requests 1
abort h rst
expect seen g connected 0
expect ledger last outcome left target g/whisper-large-v3
