# The table of `hearth usage` is read by people: columns as wide as what is in them, large numbers in groups, a total that counts every call once, and unknown costs said.
upstream a openai
upstream b openai
config <<X
jobs:
  bulk: { chain: [a/a-model-with-a-name-longer-than-most] }
  odd: { chain: [b/m] }
prices:
  a/a-model-with-a-name-longer-than-most: { input: 100000, output: 2 }
X
cli usage
expect cli status 1
script a reply "hi" usage 1234567 1500
script b reply "hi" usage 30 7
start
cli usage
expect cli is "no calls yet\n"
repeat 3 client POST /v1/chat/completions -H "x-hearth-tags: night,team:a" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
repeat 2 client POST /v1/chat/completions <<X
{"model":"odd","messages":[{"role":"user","content":"hello"}]}
X
expect ledger count 5 outcome done
cli usage
expect cli is "job    calls  failed  tokens in  tokens out              cost\nbulk       3       0  3,703,701       4,500  $ 370,370.109000\nodd        2       0         60          14           unknown\ntotal      5       0  3,703,761       4,514  $ 370,370.109000  + 2 calls of unknown cost\n"
cli usage --by target
expect cli contains "\na/a-model-with-a-name-longer-than-most      3 " "\nb/m                                         2 "
cli usage --by tag
expect cli contains "\nnight       3 " "\nteam:a      3 " "\ntotal       5 "
cli usage --calls
expect cli contains "time (UTC)" "$ 123456.703" "unknown"
cli usage --from today --by day
expect cli contains "day " " 5 "
cli usage --from 7d --to today
expect cli is "no such calls\n"
cli usage --from 2026-02-30
expect cli status 2
cli usage --from today --to yesterday
expect cli status 2
expect cli contains "is not before"
cli usage --calls --csv
expect cli contains ",cost_nusd,first_ms,total_ms\n"
