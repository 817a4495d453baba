# With home down a private call fails with 503 and says so; the cloud sees no connection.
upstream home openai place: home
upstream cloud openai
config <<X
jobs:
  private: { chain: [home/m] }
  bulk: { chain: [home/m, cloud/m] }
aliases: { gpt-4o: bulk }
X

down home
script cloud reply "from the cloud"
start
client POST /v1/chat/completions <<X
{"model":"private","messages":[{"role":"user","content":"hello"}]}
X
expect status 503
expect json .error.message contains "home/m" "boundary home"
expect header x-hearth-boundary home
expect header x-should-retry false
expect seen cloud connections 0
expect ledger last outcome failed job private
up home
script home reply "at home"
client-until 200 6000 POST /v1/chat/completions <<X
{"model":"private","messages":[{"role":"user","content":"hello"}]}
X
expect content "at home"
expect header x-hearth-regime power
