# `rehearse --config` tells the life of the owner's own plan: its window is spent, its jobs go to their next steps, and are back after the reset; the credential and the vendor are simulated.
upstream a anthropic vendor: anthropic, key: passthrough, regime: plan, plan: { monthly: 20 USD, windows: [5h] }
upstream b deepseek vendor: deepseek, key: env:NO_SUCH_KEY
config <<X
jobs:
  code: { chain: [a/claude-opus-5-5, b/deepseek-v4-pro] }
  other: { chain: [b/deepseek-v4-pro] }
X
cli rehearse
expect cli status 0
expect cli contains "The window of a is spent (a simulated one, which lasts seconds here):\n  code     -> b/deepseek-v4-pro              2 attempts"
expect cli contains "The window of a has begun anew:\n  code     -> a/claude-opus-5-5              1 attempt"
expect cli contains "Within the plan of a " "its fee is $ 20.000000 a month" "while it was spent 1 went elsewhere, for $ 0.0"
expect seen a connections 0
expect seen b connections 0
