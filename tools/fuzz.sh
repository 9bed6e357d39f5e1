#!/bin/sh
# Fuzzes every parser for a while, starting from its corpus; a crash is kept in build/fuzz and ends with an error.
set -eu
cd "$(dirname "$0")/.."
tools/deps.sh build fuzz
tools/deps.sh fuzz-runtime # asks clang for its version
cmake --preset fuzz >/dev/null
cmake --build build/fuzz -j "$(nproc)"
for target in build/fuzz/fuzz_*; do
    [ -x "$target" ] && [ -f "$target" ] || continue
    name=${target##*/fuzz_}
    mkdir -p "build/fuzz/work/$name"
    echo "fuzzing $name"
    "$target" -max_total_time="${FUZZ_SECONDS:-60}" -rss_limit_mb=4096 -print_final_stats=1 -artifact_prefix="build/fuzz/" \
        "build/fuzz/work/$name" "tests/fuzz/corpus/$name" 2>&1 | grep -E 'stat::|ERROR|SUMMARY' || true
    ls build/fuzz/crash-* >/dev/null 2>&1 && { echo "fuzz: a crash is in build/fuzz" >&2; exit 1; }
done
exit 0
