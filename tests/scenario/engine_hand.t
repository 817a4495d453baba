# What one asks of the engine by hand and it cannot do is refused with what was wrong, and with what could be asked instead.
model chat.gguf tiny-llama3 Q8_0 1
model embed.gguf tiny-bert F16 1
config alone <<Y
upstreams: { engine: { dialect: engine, context: 64, models: { m: chat.gguf } } }
Y
file torn.gguf <<J
GGUF
J
cli logits chat.gguf --tokens 1,2, --json
expect cli status 2
expect cli contains "`` in --tokens is no token number"
cli logits chat.gguf --tokens 1,,2 --json
expect cli status 2
cli logits chat.gguf --tokens ""
expect cli status 2
cli logits chat.gguf --tokens 0x10
expect cli status 2
expect cli contains "`0x10` in --tokens is no token number"
cli logits chat.gguf embed.gguf --tokens 1
expect cli status 2
expect cli contains "one file at a time"
cli logits chat.gguf --tokens 1 --kernels sse9
expect cli status 1
expect cli contains "there are no kernels `sse9` that this machine can run; it runs ref"
cli logits chat.gguf --tokens 99999999
expect cli status 1
expect cli contains "99999999"
cli logits chat.gguf --tokens 1 --embedding
expect cli status 1
expect cli contains "ask without --embedding"
cli logits embed.gguf --tokens 1
expect cli status 1
expect cli contains "ask with --embedding"
cli logits chat.gguf --tokens 1,2 --top 2 --json
expect cli status 0
expect cli like "{\"top\":\[\[*,*\],\[*,*\]\]}\n"
cli engine chat.gguf --threads 9999
expect cli status 2
expect cli contains "--threads is at most "
cli engine chat.gguf --calls 257
expect cli status 2
expect cli contains "--calls is at most 256"
cli engine chat.gguf --context -1
expect cli status 2
expect cli contains "--context cannot be below 0"
cli engine chat.gguf torn.gguf --listen unix:$folder/s.sock
expect cli status 1
expect cli contains "torn.gguf: the file ends after"
cli engine chat.gguf embed.gguf --kernels sse9 --listen unix:$folder/s.sock
expect cli status 1
expect cli contains "chat.gguf: there are no kernels `sse9`"
