# A socket in the file system is told as well, and a watchdog that nobody asked for is not fed.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
notify path
start
expect notified contains "[READY=1"
signal TERM
expect notified contains "[STOPPING=1"
expect notified lacks "WATCHDOG"
ended within 5000
