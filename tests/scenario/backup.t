# `hearth backup` takes the books beside the running daemon into one file, never over another one unasked, and tells what is in it.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
prices:
  a/m: { input: 1, output: 2 }
X

script a reply "hi" usage 100 50
cli backup $folder/none.db
expect cli status 1
start
cli backup $folder/empty.db
expect cli status 0
expect cli contains "0 calls"
repeat 3 client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect ledger count 3 outcome done
cli backup $folder/books.db
expect cli status 0
expect cli contains "sound" "3 calls" "$ 0.000600"
cli backup $folder/books.db
expect cli status 1
expect cli contains "--force"
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect ledger count 4 outcome done
cli backup --check $folder/books.db
expect cli status 0
expect cli contains "3 calls"
cli backup --force --json $folder/books.db
expect cli status 0
expect cli contains "\"calls\":4" "\"cost_nusd\":800000" "\"in_flight\":0"
cli backup --check $folder/hearth.yaml
expect cli status 1
cli backup
expect cli status 2
cli backup $folder/a $folder/b
expect cli status 2
kill
cli backup $folder/after.db
expect cli status 0
expect cli contains "4 calls"
