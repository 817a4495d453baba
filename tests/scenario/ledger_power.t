# A call on your own machine costs its watts for as long as it took; what is not known stays unknown, and config check says so.
upstream a openai place: home, watts: 360
upstream b openai place: home
upstream d openai place: home, watts: 360
config <<X
jobs:
  mine:  { chain: [a/m], boundary: home }
  other: { chain: [b/m], boundary: home }
  sold:  { chain: [d/m], boundary: home }
prices:
  d/m: { input: 1, output: 2 }
fx: { EUR: 2 }
electricity: { price: 0.50 EUR/kWh }
X
script a first 500 reply "hi" usage 100 50
script b reply "hi" usage 100 50
script d reply "hi" usage 100 50
cli config check
expect cli status 0
expect cli contains "360 W of your electricity, $ 0.36 an hour" "upstream b does not say its `watts`"
expect cli lacks "planned" "upstream a does not"
start
client POST /v1/chat/completions <<X
{"model":"mine","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect header x-hearth-regime power
expect header x-hearth-cost-usd like "0.000*"
# 360 W for half a second to ten, at 1 USD per kWh
expect ledger last outcome done regime power cost_nusd 50000..1000000
client POST /v1/chat/completions <<X
{"model":"other","messages":[{"role":"user","content":"hello"}]}
X
expect header x-hearth-cost-usd unknown
expect ledger last outcome done cost_nusd null
client POST /v1/chat/completions <<X
{"model":"sold","messages":[{"role":"user","content":"hello"}]}
X
expect ledger last outcome done cost_nusd 200000
# lost: charged at its hold, the watts for as long as a call may take (15 minutes)
script a first 60000 reply "hi"
client c1 POST /v1/chat/completions <<X &
{"model":"mine","messages":[{"role":"user","content":"hello"}]}
X
expect seen a open 1
kill
expect ledger last outcome lost estimated true cost_nusd 90000000
