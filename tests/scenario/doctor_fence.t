# The doctor keeps the fence: a home upstream whose name leads out of the house is not asked, and its key goes nowhere.
upstream far openai place: home, url: "http://far.example:9/v1", key: "env:FAR_KEY"
upstream near openai place: home
dns far.example 203.0.113.9
env FAR_KEY sk-canary-far
config <<X
resolver: 127.0.0.1:$dns
jobs:
  private: { chain: [far/m, near/m], boundary: home }
X
cli doctor
expect cli status 1
expect cli contains "fail fence: " "Its address is not at home"
expect cli lacks "canary"
expect seen far connections 0
