# An Ollama whose list of loaded models does not come, or is nonsense, answers calls as ever: nobody waits for it, no breaker opens.
each answer <<X
info "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n{\"mod"
info "HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"models\":["
info "HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n"
ps "{\"models\":[{\"name\":7},{\"size\":-1}]}"
X
upstream closet ollama vendor: ollama, place: home
config <<X
jobs:
  bulk: { chain: [closet/llama3.1] }
X
script closet $answer
start
keep token file data/admin-token
repeat 10 client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect header x-hearth-attempts 1
expect header-absent x-hearth-spill
expect took under 1000
expect seen closet probes 1
client GET /hearth/v1/targets -H "authorization: Bearer $token"
expect json .targets[0].breaker "closed"
expect json .targets[0].spill_percent "null"
expect log lacks "CPU"
