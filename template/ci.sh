#!/bin/sh
# What a CI server runs: build, then the tests on the virtual board. PLUGNET names plugnet's folder where it isn't installed.
set -eu
cd "$(dirname "$0")"
cmake -S . -B build
cmake --build build
ctest --test-dir build --output-on-failure
