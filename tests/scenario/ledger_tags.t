# Tags and task of the client are in the ledger, and malformed ones are refused.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
start
client POST /v1/chat/completions -H "x-hearth-tags: nightly,team-a" -H "x-hearth-task: t-42" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect ledger last task t-42 outcome done
cli usage --calls --json
expect cli contains "\"tags\":[\"nightly\",\"team-a\"]"
client POST /v1/chat/completions -H "x-hearth-tags: a b<script>" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 400
expect ledger count 1
cli usage --tag nightly
expect cli contains "bulk"
cli usage --tag other
expect cli is "no such calls\n"
