# `place: home` at a public address is refused when the config loads.
upstream home openai place: home, url: "http://203.0.113.7/v1"
config <<X
jobs:
  private: { chain: [home/m] }
X
refused "home"
