# A quota endpoint that is in trouble for a moment is not given up for an hour, and nothing is said; one that answers something else is, and it is said.
each status said <<X
503 | lacks
429 | lacks
404 | contains
X
upstream plan openai
upstream quota openai
env GLM sk-glm
config alone <<X
upstreams:
  plan: { url: "http://127.0.0.1:$plan/v1", key: env:GLM, regime: plan, plan: { windows: [5h], quota: "http://127.0.0.1:$quota/v1/chat/completions" } }
jobs:
  hard: { chain: [plan/glm-4.6] }
X
script quota status $status
start
client POST /v1/chat/completions <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
expect status 200
expect seen quota completed 1
client POST /v1/chat/completions <<X
{"model":"hard","messages":[{"role":"user","content":"hello"}]}
X
stop
expect log $said "answers $status and tells of no window"
