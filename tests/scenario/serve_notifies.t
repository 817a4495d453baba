# The service manager hears that we are ready, that we live, of another config, and of the stop.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
notify abstract watchdog 400
start
expect notified contains "[READY=1\nSTATUS=Serving]"
expect notified contains "[WATCHDOG=1]\n[WATCHDOG=1]"
expect notified again contains "[WATCHDOG=1]"
reload
expect log contains "read again (1)"
expect notified like "*RELOADING=1\nMONOTONIC_USEC=*READY=1]*"
signal TERM
expect notified contains "[STOPPING=1\nSTATUS=Letting calls end\nEXTEND_TIMEOUT_USEC=40000000]"
ended within 5000
