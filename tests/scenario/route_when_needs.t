# A step for tools, vision or JSON is taken by calls that need it.
upstream t openai
upstream v openai
upstream j openai
upstream b openai
config <<X
jobs:
  bulk: { chain: [{ try: t/m, when: { needs: [tools] } }, { try: v/m, when: { needs: [vision] } }, { try: j/m, when: { needs: [json] } }, b/m] }
X
start
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect header x-hearth-target b/m
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"tools":[{"type":"function","function":{"name":"f"}}]}
X
expect header x-hearth-target t/m
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"response_format":{"type":"json_object"}}
X
expect header x-hearth-target j/m
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":[{"type":"text","text":"what is this"},{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}}]}]}
X
expect header x-hearth-target v/m
