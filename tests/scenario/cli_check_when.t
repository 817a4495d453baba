# config check says which steps answer only some calls, and who answers the others.
upstream a openai place: home
upstream b openai place: home
config <<X
jobs:
  bulk: { chain: [ { try: a/seer, when: { needs: vision } }, b/plain, b/other ] }
X
cli config check
expect cli status 0
expect cli like "*a/seer*answers calls that fit its `when`*b/plain*answers now*b/other*if those before fail*"
