# `config check` takes what `serve` would take: a file that is not there, is no model, or needs what the engine has not, is refused by both with its line and column.
each what value column text <<T
missing | none.gguf | 46 | none.gguf cannot be opened: No such file
shells | ~/m.gguf | 46 | /~/m.gguf cannot be opened: there is no such file; `~` and `$` mean nothing in a config, write the whole path
folder | . | 46 | is no file
broken | broken.gguf | 46 | model m:
T
file broken.gguf <<J
no model at all, only words
J
config alone <<Y
upstreams:
  engine: { dialect: engine, models: { "m:1": $value } }
jobs:
  fast: { chain: ["engine/m:1"] }
Y
cli config check
expect cli status 1
expect cli contains "hearth.yaml:2:" "$text"
refused "$text"
