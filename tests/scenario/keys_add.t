# A key is shown once, alone, and kept as its hash; calls with it are booked under its name, and usage --key finds them.
upstream a openai
config <<X
loops: 1
jobs:
  bulk: { chain: [a/m] }
X
start
cli keys add web
expect cli status 0
expect cli like "hearth_*\n"
expect cli lacks " "
keep web cli
expect mode data/keys.json 600
expect mode data/admin-token 600
expect files-lack "$web"
client-until 200 2000 POST /v1/chat/completions -H "authorization: Bearer $web" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect ledger last key web
client POST /v1/chat/completions -H "x-hearth-key: $web" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect request a head lacks "hearth_"
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect ledger last key "-"
cli usage --key web --by key --json
expect cli contains "\"name\":\"web\",\"calls\":2"
cli keys list --json
expect cli contains "\"name\":\"web\",\"adopted\":false,\"boundary\":\"any\",\"jobs\":[],\"tags\":[],\"rpm\":null"
expect cli lacks "hearth_"
stop
expect log lacks "$web"
