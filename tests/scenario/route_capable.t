# A model that is known not to hear, to see or to read documents is passed over by calls that need it; one that is unknown gets the chance.
each job part <<X
deaf | {"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}}
blind | {"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}}
illiterate | {"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,JVBERi0="}}
X
upstream known groq vendor: groq
upstream hears gemini vendor: gemini
upstream new openai
config <<X
jobs:
  deaf: { chain: [known/openai/gpt-oss-20b, hears/gemini-3.5-flash] }
  blind: { chain: [known/openai/gpt-oss-20b, hears/gemini-3.5-flash] }
  illiterate: { chain: [known/openai/gpt-oss-20b, hears/gemini-3.5-flash] }
  chance: { chain: [new/nobody-knows, hears/gemini-3.5-flash] }
X
start
client POST /v1/chat/completions <<X
{"model":"$job","messages":[{"role":"user","content":[{"type":"text","text":"what is this"},$part]}]}
X
expect status 200
expect header x-hearth-target hears/gemini-3.5-flash
expect seen known requests 0
client POST /v1/chat/completions <<X
{"model":"chance","messages":[{"role":"user","content":[{"type":"text","text":"what is this"},$part]}]}
X
expect header x-hearth-target new/nobody-knows
