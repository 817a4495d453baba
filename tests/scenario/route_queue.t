# A queue that is asked for is refused by name while it is planned, not accepted and forgotten.
upstream a openai concurrent: 1, queue: { max: 4, wait: 2s }
config <<X
jobs:
  bulk: { chain: [a/m] }
X
refused "queue"
