# A transcript is asked of the next place when one fails; the file passes byte for byte but for the model's name, and its seconds are paid.
upstream a openai vendor: openai
upstream b groq vendor: groq
config <<X
jobs:
  hear: { chain: [a/whisper-1, b/whisper-large-v3] }
X
start
raw <<X
POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=XbX\r\ncontent-length: 12335\r\n\r\n
--XbX\r\ncontent-disposition: form-data; name="file"; filename="speech.mp3"\r\ncontent-type: audio/mpeg\r\n\r\n{{s*12000}}\r\n--XbX\r\ncontent-disposition: form-data; name="model"\r\n\r\nhear\r\n--XbX\r\ncontent-disposition: form-data; name="timestamp_granularities[]"\r\n\r\nword\r\n--XbX\r\ncontent-disposition: form-data; name="response_format"\r\n\r\nverbose_json\r\n--XbX--\r\n
X
expect status 200
expect header x-hearth-target a/whisper-1
expect header content-type application/json
expect header x-hearth-cost-usd 0.0012
expect json .text any
expect json .segments[0].end 12
expect request a header content-type "multipart/form-data; boundary=XbX"
expect request a body contains "name=\"model\"\r\n\r\nwhisper-1\r\n--XbX" "name=\"timestamp_granularities[]\"\r\n\r\nword" "{{s*12000}}\r\n--XbX" "speech.mp3"
expect ledger last outcome done target a/whisper-1 cost_nusd 1200000 estimated false input 0
# refused there: the other one hears it, from the same bytes
script a status 429
raw <<X
POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=XbX\r\ntransfer-encoding: chunked\r\n\r\n
2fde\r\n--XbX\r\ncontent-disposition: form-data; name="model"\r\n\r\nhear\r\n--XbX\r\ncontent-disposition: form-data; name="file"; filename="speech.mp3"\r\ncontent-type: audio/mpeg\r\n\r\n{{s*12000}}\r\n--XbX\r\ncontent-disposition: form-data; name="response_format"\r\n\r\nverbose_json\r\n--XbX--\r\n\r\n0\r\n\r\n
X
expect status 200
expect header x-hearth-target b/whisper-large-v3
expect header x-hearth-attempts 2
expect request b body contains "name=\"model\"\r\n\r\nwhisper-large-v3\r\n--XbX" "{{s*12000}}\r\n--XbX"
expect ledger last outcome done attempts 2 cost_nusd 370000
# who bills ten seconds at least is paid them
raw <<X
POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=XbX\r\ncontent-length: 2268\r\n\r\n
--XbX\r\ncontent-disposition: form-data; name="model"\r\n\r\nb/whisper-large-v3\r\n--XbX\r\ncontent-disposition: form-data; name="file"; filename="speech.mp3"\r\ncontent-type: audio/mpeg\r\n\r\n{{s*2000}}\r\n--XbX\r\ncontent-disposition: form-data; name="response_format"\r\n\r\nverbose_json\r\n--XbX--\r\n
X
expect status 200
expect ledger last cost_nusd 308333
# seconds that nobody tells are not known, and neither is the cost
raw <<X
POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=XbX\r\ncontent-length: 12189\r\n\r\n
--XbX\r\ncontent-disposition: form-data; name="model"\r\n\r\nb/whisper-large-v3\r\n--XbX\r\ncontent-disposition: form-data; name="file"; filename="speech.mp3"\r\ncontent-type: audio/mpeg\r\n\r\n{{s*12000}}\r\n--XbX--\r\n
X
expect status 200
expect header x-hearth-cost-usd unknown
expect ledger last outcome done cost_nusd null
# into English
raw <<X
POST /v1/audio/translations HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=XbX\r\ncontent-length: 12189\r\n\r\n
--XbX\r\ncontent-disposition: form-data; name="model"\r\n\r\nb/whisper-large-v3\r\n--XbX\r\ncontent-disposition: form-data; name="file"; filename="speech.mp3"\r\ncontent-type: audio/mpeg\r\n\r\n{{s*12000}}\r\n--XbX--\r\n
X
expect status 200
expect request b head contains "POST /v1/audio/translations "
