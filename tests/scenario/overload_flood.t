# Ten times the calls that there is room for: every refusal is quick, memory stays, and right after all is at full speed again.
# soak: 12
# plain: its rates are those of a plain build, and memory is not measured with a sanitizer.
upstream a openai place: home, concurrent: 4, queue: { max: 8, wait: 2s }
config <<X
jobs:
  private: { chain: [a/m] }
X
script a reply "fine" first 50
start
flood 400 500 POST /v1/chat/completions <<X
{"model":"private","messages":[{"role":"user","content":"hello"}]}
X
memory
flood 800 2500 POST /v1/chat/completions <<X
{"model":"private","messages":[{"role":"user","content":"hello"}]}
X
expect flood answered over 100
expect flood refused over 1000
expect flood late under 40
expect flood other 0
expect memory grown under 4096
flood 30 1000 POST /v1/chat/completions <<X
{"model":"private","messages":[{"role":"user","content":"hello"}]}
X
expect flood answered over 28
expect flood refused 0
expect flood other 0
