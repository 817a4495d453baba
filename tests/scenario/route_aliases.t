# Aliases and patterns of names mean jobs or targets; the exact one wins, then the pattern that says most.
upstream a openai
upstream b openai
config <<X
jobs:
  hard: { chain: [a/m] }
  soft: { chain: [b/m] }
aliases: { gpt-4o: hard, "claude-*": hard, "claude-haiku-*": soft, claude-exact: b/other }
X
start
client POST /v1/chat/completions <<X
{"model":"gpt-4o","messages":[{"role":"user","content":"hello"}]}
X
expect header x-hearth-job hard
client POST /v1/chat/completions <<X
{"model":"claude-opus-5-5","messages":[{"role":"user","content":"hello"}]}
X
expect header x-hearth-job hard
client POST /v1/chat/completions <<X
{"model":"claude-haiku-4-5","messages":[{"role":"user","content":"hello"}]}
X
expect header x-hearth-job soft
client POST /v1/chat/completions <<X
{"model":"claude-exact","messages":[{"role":"user","content":"hello"}]}
X
expect header x-hearth-target b/other
expect header x-hearth-job -
expect request b json .model other
