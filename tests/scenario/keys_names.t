# Names are bounded and taken once; what is mistyped ends with status 2, what is refused with 1.
upstream a openai
config <<X
jobs:
  bulk: { chain: [a/m] }
X
cli keys add web
expect cli status 0
cli keys add web
expect cli status 1
expect cli contains "there is a key `web` already"
cli keys add Web
expect cli status 2
cli keys add "../web"
expect cli status 2
cli keys add default
expect cli status 2
expect cli contains "HEARTH_KEY"
cli keys add {{a*65}}
expect cli status 2
cli keys add b --rpm 0x10
expect cli status 2
cli keys add b --rpm -5
expect cli status 2
cli keys add b --boundary house
expect cli status 2
cli keys add b --jobs "a,,b"
expect cli status 2
cli keys add b --tags "a b"
expect cli status 2
cli keys add b --rpm -1
expect cli status 2
cli keys add b --rpm 0
expect cli status 2
cli keys add b --jobs ""
expect cli status 2
expect cli contains "--jobs: its value is empty"
cli keys add b --tags=
expect cli status 2
cli keys add b --from ""
expect cli status 2
cli keys add b --jobs bulk,bulc
expect cli status 0
expect cli contains "no job `bulc`"
cli keys revoke nobody
expect cli status 1
cli keys list extra
expect cli status 2
cli keys revoke web --rpm 5
expect cli status 2
cli keys frobnicate
expect cli status 2
cli keys list
expect cli status 0
expect cli contains "web"
cli keys revoke web
expect cli status 0
cli keys add web
expect cli status 0
