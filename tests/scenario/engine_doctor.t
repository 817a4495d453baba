# The doctor loads the engine's models in a process of its own, and tells whether the daemon's engine answers; a file that went bad is named with its line.
model chat.gguf tiny-llama3 Q8_0 1
config alone <<Y
upstreams:
  engine:
    dialect: engine
    context: 512
    models: { tiny: chat.gguf }
jobs:
  fast: { chain: [engine/tiny] }
Y
cli doctor
expect cli contains "ok   models: 1 model can be loaded" "info running: no daemon runs it now"
start
cli doctor
expect cli contains "ok   running: the engine of the running daemon serves 1 model"
file chat.gguf <<J
what is left of it
J
cli doctor
expect cli status 1
expect cli contains "fail models: line 5: model tiny: "
