# A key's tags are on all its calls, a header adds to them, and steps with conditions see both.
upstream a openai
upstream b openai
config <<X
jobs:
  bulk: { chain: [{ try: a/m, when: { tags: [web] } }, b/m] }
X
script a reply "from a"
script b reply "from b"
cli keys add web --tags "web,team:x"
keep web cli
start
client POST /v1/chat/completions -H "x-hearth-key: $web" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect content "from a"
cli usage --calls --json
expect cli contains "\"tags\":[\"web\",\"team:x\"]"
client POST /v1/chat/completions -H "x-hearth-key: $web" -H "x-hearth-tags: night, web" <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect content "from a"
cli usage --calls --json
expect cli contains "\"tags\":[\"web\",\"team:x\",\"night\"]"
client POST /v1/chat/completions <<X
{"model":"bulk","messages":[{"role":"user","content":"hello"}]}
X
expect content "from b"
