# Simulated vendors are refused beside a config, and away from loopback.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
start
cli serve --rehearse
expect cli status 1
expect cli contains "never answer beside a config"
