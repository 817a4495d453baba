# `hearth ask` whose output nobody reads any more, or that is interrupted, cancels its call: the rest of the answer is not paid for.
each how status <<X
pipe | 1
int | 130
int-ignored | 130
X
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
script a tokens 200 every 50
start
cli-left $how ask hello
expect cli status $status
expect cli contains "the call was cancelled"
expect seen a aborted 1
expect ledger count 1
expect ledger last outcome left
expect ledger last output 1..100
stop
forget a
cli-left $how ask hello
expect cli status $status
expect seen a aborted 1
expect ledger count 2 outcome left
