#!/bin/sh
# Run one libFuzzer target for some seconds from its committed corpus; prints one line as every suite does.
#   test/fuzz/run.sh build/test/bin/fuzz_ntb [SECONDS]       FUZZ_SECONDS in the environment wins
# New inputs and crashes go to build/fuzz/NAME, never into the committed corpus.
# SPDX-License-Identifier: MIT
set -eu
target=$1
seconds=${FUZZ_SECONDS:-${2:-60}}
name=$(basename "$target")
corpus=test/fuzz/corpus/${name#fuzz_}
work=$(dirname "$(dirname "$(dirname "$target")")")/fuzz/$name
mkdir -p "$work/new" "$corpus"
log=$work/log.$$ # more than one may run at a time
if "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
    -artifact_prefix="$work/" "$work/new" "$corpus" > "$log" 2>&1; then
    mv "$log" "$work/log"
    log=$work/log
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    if [ "${runs:-0}" -gt 0 ]; then
        echo "ok $name"
    else
        echo "not ok $name: nothing was executed, see $log"
        exit 1
    fi
else
    why=$(grep -m1 -E 'SUMMARY|ERROR' "$log" | tr -d '\n' || true)
    echo "not ok $name: ${why:-exit code}; input in $work, see $log"
    exit 1
fi
