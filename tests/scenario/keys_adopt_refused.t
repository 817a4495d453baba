# A placeholder, an empty variable, a short word or a file that is not there is no key to adopt; the key itself is never repeated.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
env P ollama
env E ""
env S sk-1
env B "sk-with blank"
cli keys add a --from env:P
expect cli status 1
expect cli contains "when no key is needed"
cli keys add a --from env:E
expect cli status 1
cli keys add a --from env:S
expect cli status 1
cli keys add a --from env:B
expect cli status 1
cli keys add a --from env:MISSING
expect cli status 1
cli keys add a --from file:$folder/missing
expect cli status 1
cli keys add a --from sk-the-key-itself
expect cli status 1
expect cli lacks "sk-the-key-itself"
cli keys list
expect cli contains "no keys yet"
