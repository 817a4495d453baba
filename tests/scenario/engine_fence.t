# The walls hold, tried from inside: of a process started for it, and of the daemon's running engine, which goes on answering. (A network namespace may be unavailable; the list of system calls may not.)
# plain
model chat.gguf tiny-llama3 Q8_0 1
config alone <<Y
upstreams:
  engine: { dialect: engine, context: 512, threads: 1, models: { tiny: chat.gguf } }
jobs:
  fast: { chain: [engine/tiny] }
Y
cli doctor --fence
expect cli status 0
expect cli contains "refused  a TCP connection to 192.0.2.1:443: Operation not permitted" "refused  a DNS query" "refused  a unix socket" "refused  reading a file outside" "refused  writing a file" "refused  a signal to the process that started it" "refused  a descriptor whose signals go there" "refused  starting a program" "system calls limited (seccomp): yes; no new privileges: yes" "No engine of a running daemon" "The fence holds."
start
expect log contains "shut in: system calls limited, no new privileges"
cli doctor --fence --json
expect cli status 0
expect cli contains "\"holds\":true" "an engine process started for this" "the engine process of the running daemon"
expect cli lacks "\"refused\":false"
expect engine processes 1
client POST /v1/chat/completions <<J
{"model":"fast","messages":[{"role":"user","content":"one two three"}],"temperature":0,"max_tokens":2}
J
expect status 200
expect log count 0 "started again"
