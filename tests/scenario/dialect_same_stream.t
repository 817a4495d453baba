# A stream between equal dialects passes byte for byte, events that nobody knows included, and is booked as it was told.
upstream a anthropic dialect: anthropic
config <<X
loops: 1
jobs:
  bulk: { chain: [a/m] }
X
script a status 200 header content-type text/event-stream body <<X
event: message_start
data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"usage":{"input_tokens":10,"cache_read_input_tokens":30,"output_tokens":1}}}

event: ping
data: {"type": "ping"}

event: hello_from_the_future
data: {"type":"hello_from_the_future","x":[1.0]}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":"","x_new":1}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"h\u00e9y"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":5}}

event: message_stop
data: {"type":"message_stop"}

X
start
client POST /v1/messages <<X
{"model":"bulk","max_tokens":100,"messages":[{"role":"user","content":"hello"}],"stream":true}
X
expect status 200
expect body contains "event: hello_from_the_future\ndata: {\"type\":\"hello_from_the_future\",\"x\":[1.0]}\n\n" "\"x_new\":1" "h\\u00e9y" "data: {\"type\": \"ping\"}"
expect ledger last outcome done input 40 cached 30 output 5 estimated false
