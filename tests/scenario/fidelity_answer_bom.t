# A whole answer that begins with a byte order mark is an answer, and its bytes pass untouched.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
start
script a status 200 body "\xef\xbb\xbf{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"hi\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":1}}"
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect body "\xef\xbb\xbf{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"hi\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":1}}"
expect ledger last outcome done input 5 output 1
