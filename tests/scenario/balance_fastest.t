# fastest sends most calls to the member that answers sooner, after it has tried each, and goes on when that one dies.
upstream a openai
upstream b openai
config <<X
jobs:
  fast: { chain: [[a/m, b/m]], balance: fastest }
X
script a reply "from a" first 150
script b reply "from b" first 5
start
repeat 40 client POST /v1/chat/completions <<X
{"model":"fast","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect seen a requests 3..15
expect seen b requests 25..37
down b
repeat 10 client POST /v1/chat/completions <<X
{"model":"fast","messages":[{"role":"user","content":"hello"}]}
X
expect content "from a"
