# `rehearse --config` tells what becomes of each job when an upstream dies, and reaches nothing of the config.
upstream a deepseek vendor: deepseek, key: env:NO_SUCH_KEY, rpm: 1, tpm: 1
upstream closet ollama vendor: ollama, place: home
upstream spare openai
config <<X
jobs:
  bulk: { chain: [a/deepseek-flash, "closet/llama3.1:8b"] }
  hard: { chain: [a/deepseek-v4-pro] }
  private: { chain: ["closet/llama3.1:8b"], boundary: home, requires: "http://127.0.0.1:$spare/health" }
  embed: { chain: [closet/nomic-embed-text], boundary: home }
X
cli rehearse
expect cli status 0
expect cli contains "a is down:\n  bulk     -> closet/llama3.1:8b             2 attempts"
expect cli contains "  hard     -> nobody: it fails"
expect cli contains "what private requires is down:\n  private  -> nobody: it fails"
expect cli contains "spare is in no chain"
expect cli contains "bulk         a/deepseek-flash               answered, whichever it is          closet/llama3.1:8b"
expect cli contains "hard         a/deepseek-v4-pro              fails without a                    fails"
expect cli contains "private      closet/llama3.1:8b             fails without any of 2             closet/llama3.1:8b"
expect cli contains "0 requests at cloud upstreams meanwhile"
expect seen a connections 0
expect seen closet connections 0
expect seen spare connections 0
