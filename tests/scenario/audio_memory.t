# However large an upload is, memory stays flat while it is held, on disk and without a name; what is asked elsewhere is sent from there again.
# slow
# plain: memory is not measured with a sanitizer, and looking through 40 MB takes longer there than an upload may pause.
upstream a openai
upstream b openai
config <<X
jobs:
  hear: { chain: [a/whisper-1, b/whisper-1] }
X
start
raw <<X
POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=XbX\r\ncontent-length: 176\r\n\r\n
--XbX\r\ncontent-disposition: form-data; name="model"\r\n\r\nhear\r\n--XbX\r\ncontent-disposition: form-data; name="file"; filename="speech.mp3"\r\ncontent-type: audio/mpeg\r\n\r\ns\r\n--XbX--\r\n
X
expect status 200
script a status 503
memory
raw c <<X &
POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=XbX\r\ncontent-length: 40000175\r\n\r\n
--XbX\r\ncontent-disposition: form-data; name="model"\r\n\r\nhear\r\n--XbX\r\ncontent-disposition: form-data; name="file"; filename="speech.mp3"\r\ncontent-type: audio/mpeg\r\n\r\n{{sound*8000000}}\r\n
X
expect memory grown under 3000
expect files-lack "soundsound"
send c lines <<X
--XbX--\r\n
X
wait c
expect status 200
expect header x-hearth-target b/whisper-1
expect header x-hearth-attempts 2
expect memory grown under 3000
