# Documents are ranked by whoever of the chain can; each client reads one shape, and the tokens are on the books.
upstream a openai
upstream b openai
config <<X
jobs:
  rank: { chain: [a/rr, b/rr] }
prices:
  b/rr: { input: 2, output: 0 }
X
start
script a status 404 body "{\"error\":{\"message\":\"File Not Found\",\"type\":\"not_found_error\",\"code\":404}}"
client POST /v1/rerank <<X
{"model":"rank","query":"red fox","documents":["a blue fox","nothing","the red fox"],"top_n":2,"extra":[1, 2]}
X
expect status 200
expect header x-hearth-target b/rr
expect header x-hearth-attempts 2
expect json .results[0].index 2
expect json .results[1].index 0
expect json .results[2] absent
expect request b json .extra[1] 2
expect request b json .model rr
expect ledger last outcome done attempts 2 target b/rr output 0 estimated false cost_nusd 30000
# a missing endpoint says nothing of the model: it is asked again, and now it has one, of another shape
script a status 200 body "[{\"index\":1,\"score\":0.9},{\"index\":0,\"score\":0.1}]"
client POST /v2/rerank <<X
{"model":"rank","query":"red fox","documents":["a","b"]}
X
expect status 200
expect header x-hearth-target a/rr
expect json .model rank
expect json .results[0].relevance_score 0.9
expect json .data[1].index 0
expect json .id any
expect ledger last outcome done target a/rr estimated true
# who asks with texts reads a bare list, whoever answers
script a status 501 body "{\"error\":{\"message\":\"This server does not support reranking\",\"code\":501}}"
client POST /rerank <<X
{"model":"rank","query":"red fox","texts":["a","red"]}
X
expect status 200
expect header x-hearth-target b/rr
expect body "[{\"index\":1,\"score\":0.5},{\"index\":0,\"score\":0}]"
# an error in a 200, and then nobody is left
script a error-200 "no"
script b status 404 body "Not Found"
client POST /v1/reranking <<X
{"model":"rank","query":"q","documents":["a"]}
X
expect status 503
expect body contains "a/rr: an error inside a 200" "b/rr: it has no endpoint for this kind of call"
client POST /v1/rerank <<X
{"model":"rank","query":"q"}
X
expect status 400
expect json .error.message "documents is missing"
