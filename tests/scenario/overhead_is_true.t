# x-hearth-overhead-us says what a client and an upstream with clocks of their own measure, for one attempt and for six.
# alone: what else runs on the same cores is in every figure.
# plain: what a sanitizer adds behind the header's making is no part of it.
upstream a timed
config <<X
jobs:
  one: { chain: [a/m] }
  six: { chain: [a/busy1, a/busy2, a/busy3, a/busy4, a/busy5, a/m] }
X
start
timed 400 within 30 20 POST /v1/chat/completions <<X
{"model":"one","messages":[{"role":"user","content":"hello"}]}
X
timed 200 within 30 20 POST /v1/chat/completions <<X
{"model":"six","messages":[{"role":"user","content":"hello"}]}
X
