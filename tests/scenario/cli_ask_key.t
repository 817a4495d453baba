# `hearth ask` without a daemon works with HEARTH_KEY set.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
env HEARTH_KEY hearth_secret
script a reply "fine"
cli ask hello
expect cli status 0
expect cli contains "fine"
