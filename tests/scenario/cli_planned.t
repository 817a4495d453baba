# A command that is planned says so, with status 2.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
cli pull
expect cli status 2
expect cli contains "planned"
