# An Ollama that computes a part of a model on the CPU is told on the answers, in /metrics, the admin API and the log, once.
upstream closet ollama vendor: ollama, place: home
upstream server openai place: home
upstream far ollama
config <<X
loops: 3
jobs:
  bulk:  { chain: [closet/Llama3.1] }
  small: { chain: [closet/other] }
  odd:   { chain: [server/m] }
  away:  { chain: [far/llama3.1] }
X
script closet ps "{\"models\":[{\"name\":\"llama3.1:latest\",\"size\":1000,\"size_vram\":575}]}"
script server info "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"
script far ps "{\"models\":[{\"name\":\"llama3.1:latest\",\"size\":1000,\"size_vram\":575}]}"
start
keep token file data/admin-token
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect header-absent x-hearth-spill
expect log contains "closet/Llama3.1" "43 % of it is computed by the CPU"
repeat 20 client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect header x-hearth-spill "43"
expect seen closet probes 1
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}],"stream":true}
X
expect header x-hearth-spill "43"
expect sse-done
repeat 2 client POST /v1/chat/completions <<X
{"model":"small","messages":[{"role":"user","content":"hello"}]}
X
expect header-absent x-hearth-spill
repeat 2 client POST /v1/chat/completions <<X
{"model":"odd","messages":[{"role":"user","content":"hello"}]}
X
expect header-absent x-hearth-spill
expect seen server probes 0
repeat 2 client POST /v1/chat/completions <<X
{"model":"away","messages":[{"role":"user","content":"hello"}]}
X
expect header-absent x-hearth-spill
expect seen far probes 0
client GET /metrics
expect metrics format
expect metrics "hearth_spill_percent{target=\"closet/Llama3.1\"} 43"
expect body lacks "hearth_spill_percent{target=\"server/m\"" "hearth_spill_percent{target=\"closet/other\"" "hearth_spill_percent{target=\"far"
client GET /hearth/v1/targets -H "authorization: Bearer $token"
expect json .targets[0].spill_percent "43"
expect json .targets[1].spill_percent "null"
expect log count 1 "computed by the CPU"
reload
expect log contains "read again (1)"
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect header x-hearth-spill "43"
expect seen closet probes 1
script server info "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"
stop
