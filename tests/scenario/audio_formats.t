# Text, subtitles and streams pass as they come; who writes no subtitles is asked for segments, and they are made of those.
upstream a openai vendor: openai
upstream b groq vendor: groq
config <<X
jobs:
  hear: { chain: [b/whisper-large-v3, a/whisper-1] }
  talk: { chain: [a/gpt-4o-transcribe] }
prices:
  a/gpt-4o-transcribe: { input: 6, output: 10 }
X
script a reply "good morning"
script b reply "good day"
start
raw <<X
POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=XbX\r\ncontent-length: 12245\r\n\r\n
--XbX\r\ncontent-disposition: form-data; name="file"; filename="speech.mp3"\r\ncontent-type: audio/mpeg\r\n\r\n{{s*12000}}\r\n--XbX\r\ncontent-disposition: form-data; name="model"\r\n\r\nhear\r\n--XbX\r\ncontent-disposition: form-data; name="response_format"\r\n\r\nsrt\r\n--XbX--\r\n
X
expect status 200
expect header x-hearth-target b/whisper-large-v3
expect header x-hearth-attempts 1
expect header content-type "text/plain; charset=utf-8"
expect body "1\n00:00:00,000 --> 00:00:12,000\ngood day\n\n"
expect request b body contains "name=\"model\"\r\n\r\nwhisper-large-v3\r\n" "name=\"response_format\"\r\n\r\nverbose_json\r\n--XbX--"
expect ledger last target b/whisper-large-v3 attempts 1 outcome done
# to who writes them the form goes as it came
raw <<X
POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=XbX\r\ncontent-length: 12252\r\n\r\n
--XbX\r\ncontent-disposition: form-data; name="file"; filename="speech.mp3"\r\ncontent-type: audio/mpeg\r\n\r\n{{s*12000}}\r\n--XbX\r\ncontent-disposition: form-data; name="model"\r\n\r\na/whisper-1\r\n--XbX\r\ncontent-disposition: form-data; name="response_format"\r\n\r\nsrt\r\n--XbX--\r\n
X
expect status 200
expect body "1\n00:00:00,000 --> 00:00:12,000\ngood morning\n\n"
expect request a body contains "name=\"response_format\"\r\n\r\nsrt\r\n--XbX--"
expect ledger last target a/whisper-1 attempts 1 cost_nusd null
raw <<X
POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=XbX\r\ncontent-length: 12259\r\n\r\n
--XbX\r\ncontent-disposition: form-data; name="file"; filename="speech.mp3"\r\ncontent-type: audio/mpeg\r\n\r\n{{s*12000}}\r\n--XbX\r\ncontent-disposition: form-data; name="model"\r\n\r\nb/whisper-large-v3\r\n--XbX\r\ncontent-disposition: form-data; name="response_format"\r\n\r\nvtt\r\n--XbX--\r\n
X
expect status 200
expect body "WEBVTT\n\n00:00:00.000 --> 00:00:12.000\ngood day\n\n"
# a transcript without segments gives no subtitles: the next one is asked
script b status 200 body "{\"text\":\"good day\"}"; reply "good day"
raw <<X
POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=XbX\r\ncontent-length: 12245\r\n\r\n
--XbX\r\ncontent-disposition: form-data; name="response_format"\r\n\r\nsrt\r\n--XbX\r\ncontent-disposition: form-data; name="file"; filename="speech.mp3"\r\ncontent-type: audio/mpeg\r\n\r\n{{s*12000}}\r\n--XbX\r\ncontent-disposition: form-data; name="model"\r\n\r\nhear\r\n--XbX--\r\n
X
expect status 200
expect header x-hearth-target a/whisper-1
expect request b body contains "\r\n\r\nverbose_json\r\n--XbX" "\r\n\r\nwhisper-large-v3\r\n--XbX--"
raw <<X
POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=XbX\r\ncontent-length: 12246\r\n\r\n
--XbX\r\ncontent-disposition: form-data; name="file"; filename="speech.mp3"\r\ncontent-type: audio/mpeg\r\n\r\n{{s*12000}}\r\n--XbX\r\ncontent-disposition: form-data; name="model"\r\n\r\nhear\r\n--XbX\r\ncontent-disposition: form-data; name="response_format"\r\n\r\ntext\r\n--XbX--\r\n
X
expect status 200
expect header x-hearth-target b/whisper-large-v3
expect body "good day\n"
# events, and tokens
raw <<X
POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=XbX\r\ncontent-length: 12237\r\n\r\n
--XbX\r\ncontent-disposition: form-data; name="file"; filename="speech.mp3"\r\ncontent-type: audio/mpeg\r\n\r\n{{s*12000}}\r\n--XbX\r\ncontent-disposition: form-data; name="model"\r\n\r\ntalk\r\n--XbX\r\ncontent-disposition: form-data; name="stream"\r\n\r\ntrue\r\n--XbX--\r\n
X
expect status 200
expect header content-type text/event-stream
expect body contains "data: {\"type\":\"transcript.text.delta\"" "\"type\":\"transcript.text.done\"" "\"input_tokens\":120"
expect sse-done
expect ledger last outcome done input 120 output 3 cost_nusd 750000 estimated false
# whisper does not stream, and answers whole
raw <<X
POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=XbX\r\ncontent-length: 12244\r\n\r\n
--XbX\r\ncontent-disposition: form-data; name="file"; filename="speech.mp3"\r\ncontent-type: audio/mpeg\r\n\r\n{{s*12000}}\r\n--XbX\r\ncontent-disposition: form-data; name="model"\r\n\r\na/whisper-1\r\n--XbX\r\ncontent-disposition: form-data; name="stream"\r\n\r\ntrue\r\n--XbX--\r\n
X
expect status 200
expect header content-type application/json
expect json .text "good morning"
# a stream that breaks off before its first word is asked for elsewhere; behind it, it says so
script a drop 0
raw <<X
POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=XbX\r\ncontent-length: 12237\r\n\r\n
--XbX\r\ncontent-disposition: form-data; name="file"; filename="speech.mp3"\r\ncontent-type: audio/mpeg\r\n\r\n{{s*12000}}\r\n--XbX\r\ncontent-disposition: form-data; name="model"\r\n\r\ntalk\r\n--XbX\r\ncontent-disposition: form-data; name="stream"\r\n\r\ntrue\r\n--XbX--\r\n
X
expect status 502
script a cut 2 reply "good morning to all of you"
raw <<X
POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=XbX\r\ncontent-length: 12237\r\n\r\n
--XbX\r\ncontent-disposition: form-data; name="file"; filename="speech.mp3"\r\ncontent-type: audio/mpeg\r\n\r\n{{s*12000}}\r\n--XbX\r\ncontent-disposition: form-data; name="model"\r\n\r\ntalk\r\n--XbX\r\ncontent-disposition: form-data; name="stream"\r\n\r\ntrue\r\n--XbX--\r\n
X
expect sse-error contains "stopped after"
expect ledger last outcome cut
# a page is no transcript, an error in a 200 is an error
script a html
raw <<X
POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=XbX\r\ncontent-length: 12246\r\n\r\n
--XbX\r\ncontent-disposition: form-data; name="file"; filename="speech.mp3"\r\ncontent-type: audio/mpeg\r\n\r\n{{s*12000}}\r\n--XbX\r\ncontent-disposition: form-data; name="model"\r\n\r\ntalk\r\n--XbX\r\ncontent-disposition: form-data; name="response_format"\r\n\r\ntext\r\n--XbX--\r\n
X
expect status 502
script a error-200 "no sound"
raw <<X
POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=XbX\r\ncontent-length: 12246\r\n\r\n
--XbX\r\ncontent-disposition: form-data; name="file"; filename="speech.mp3"\r\ncontent-type: audio/mpeg\r\n\r\n{{s*12000}}\r\n--XbX\r\ncontent-disposition: form-data; name="model"\r\n\r\ntalk\r\n--XbX\r\ncontent-disposition: form-data; name="response_format"\r\n\r\ntext\r\n--XbX--\r\n
X
expect status 502
expect body contains "an error inside a 200"
# silence is an answer
script a status 200 body "{\"text\":\"\"}"
raw <<X
POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=XbX\r\ncontent-length: 12175\r\n\r\n
--XbX\r\ncontent-disposition: form-data; name="file"; filename="speech.mp3"\r\ncontent-type: audio/mpeg\r\n\r\n{{s*12000}}\r\n--XbX\r\ncontent-disposition: form-data; name="model"\r\n\r\ntalk\r\n--XbX--\r\n
X
expect status 200
