# A form that is none, or lacks what it must have, is refused by name and reaches nobody.
upstream a openai
config <<X
jobs:
  hear: { chain: [a/whisper-1] }
X
start
raw <<X
POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=XbX\r\ncontent-length: 115\r\n\r\n
--XbX\r\ncontent-disposition: form-data; name="file"; filename="speech.mp3"\r\ncontent-type: audio/mpeg\r\n\r\ns\r\n--XbX--\r\n
X
expect status 400
expect json .error.message "model is missing"
raw <<X
POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=XbX\r\ncontent-length: 70\r\n\r\n
--XbX\r\ncontent-disposition: form-data; name="model"\r\n\r\nhear\r\n--XbX--\r\n
X
expect status 400
expect json .error.message "file is missing"
raw <<X
POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=XbX\r\ncontent-length: 244\r\n\r\n
--XbX\r\ncontent-disposition: form-data; name="model"\r\n\r\nhear\r\n--XbX\r\ncontent-disposition: form-data; name="model"\r\n\r\na/whisper-1\r\n--XbX\r\ncontent-disposition: form-data; name="file"; filename="speech.mp3"\r\ncontent-type: audio/mpeg\r\n\r\ns\r\n--XbX--\r\n
X
expect status 400
expect json .error.message "model is given twice"
raw <<X
POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=XbX\r\ncontent-length: 176\r\n\r\n
--XbX\r\ncontent-disposition: form-data; name="Model"\r\n\r\nhear\r\n--XbX\r\ncontent-disposition: form-data; name="file"; filename="speech.mp3"\r\ncontent-type: audio/mpeg\r\n\r\ns\r\n--XbX--\r\n
X
expect status 400
expect json .error.message contains "almost like model"
raw <<X
POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=XbX\r\ncontent-length: 239\r\n\r\n
--XbX\r\ncontent-disposition: form-data; name="model"\r\n\r\nhear\r\n--XbX\r\ncontent-disposition: form-data; name="file"; filename="speech.mp3"\r\ncontent-type: audio/mpeg\r\n\r\ns\r\n--XbX\r\ncontent-disposition: form-data; name="stream"\r\n\r\nmaybe\r\n--XbX--\r\n
X
expect status 400
expect json .error.message "stream must be true or false"
raw <<X
POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=XbX\r\ncontent-length: 178\r\n\r\n
--XbX\r\ncontent-disposition: form-data; name="model"\r\n\r\nnobody\r\n--XbX\r\ncontent-disposition: form-data; name="file"; filename="speech.mp3"\r\ncontent-type: audio/mpeg\r\n\r\ns\r\n--XbX--\r\n
X
expect status 404
expect json .error.code model_not_found
raw <<X
POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=XbX\r\ncontent-length: 5\r\n\r\n
hello
X
expect status 400
expect json .error.message contains "does not begin with its boundary"
client POST /v1/audio/transcriptions <<X
{"model":"hear"}
X
expect status 400
expect json .error.message contains "multipart/form-data"
# a page of a browser may send a form here, from its own origin, and JSON elsewhere
raw <<X
POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=XbX\r\norigin: http://localhost\r\ncontent-length: 176\r\n\r\n
--XbX\r\ncontent-disposition: form-data; name="model"\r\n\r\nhear\r\n--XbX\r\ncontent-disposition: form-data; name="file"; filename="speech.mp3"\r\ncontent-type: audio/mpeg\r\n\r\ns\r\n--XbX--\r\n
X
expect status 200
raw <<X
POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=XbX\r\norigin: http://evil.example\r\ncontent-length: 176\r\n\r\n
--XbX\r\ncontent-disposition: form-data; name="model"\r\n\r\nhear\r\n--XbX\r\ncontent-disposition: form-data; name="file"; filename="speech.mp3"\r\ncontent-type: audio/mpeg\r\n\r\ns\r\n--XbX--\r\n
X
expect status 403
raw <<X
POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=XbX\r\norigin: http://localhost\r\ncontent-length: 176\r\n\r\n
--XbX\r\ncontent-disposition: form-data; name="model"\r\n\r\nhear\r\n--XbX\r\ncontent-disposition: form-data; name="file"; filename="speech.mp3"\r\ncontent-type: audio/mpeg\r\n\r\ns\r\n--XbX--\r\n
X
expect status 415
expect seen a requests 1
