# A chain of a home job that could leave is refused when the config loads, naming line and column.
upstream cloud openai
upstream home openai place: home
config <<X
jobs:
  bulk: { chain: [cloud/m] }
  private: { chain: [home/m, cloud/m] }
X
refused "hearth.yaml:3:3: job private has boundary home, but cloud/m"
config <<X
jobs:
  embed: { chain: [home/e, cloud/e] }
X
refused "hearth.yaml:2:3: job embed has boundary home, but cloud/e"
config <<X
jobs:
  secret: { chain: [[home/m, cloud/m]], boundary: home, balance: least_busy }
X
refused "hearth.yaml:2:3: job secret"
config <<X
jobs:
  private: { chain: [home/m], boundary: any }
X
refused "private"
config <<X
home_networks: [10.0.0.0/8, "::/0"]
jobs:
  private: { chain: [home/m] }
X
refused "hearth.yaml:1:29: `home_networks` must be networks of yours: one this wide"
