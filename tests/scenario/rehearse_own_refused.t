# A config that `serve` would refuse is refused by a rehearsal too, by its line.
upstream a deepseek vendor: deepseek, key: env:NO_SUCH_KEY
config <<X
jobs:
  private: { chain: [a/deepseek-flash], boundary: home }
X
cli rehearse
expect cli status 1
expect cli contains "hearth.yaml:2:"
