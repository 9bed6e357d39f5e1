#!/bin/sh
# Configures and builds with one line that counts instead of one for each file; V=1 shows all of them. What goes wrong is
# shown whole. Usage: tools/build.sh PRESET JOBS [TARGET]...
set -eu
cd "$(dirname "$0")/.."
preset=$1 jobs=$2
shift 2

log=$(mktemp)
trap 'rm -f "$log"' EXIT
cmake --preset "$preset" >"$log" 2>&1 || {
    cat "$log" >&2
    echo "make: the build could not be configured; the reason stands above. After mending it, make again;" >&2
    echo "      build/$preset can be removed at any time." >&2
    exit 1
}

[ $# = 0 ] || set -- --target "$@"
if [ "${V:-0}" != 0 ]; then exec cmake --build "build/$preset" -j "$jobs" "$@" -- -v; fi

[ -t 1 ] && tty=1 || tty=0
{
    cmake --build "build/$preset" -j "$jobs" "$@" 2>&1 && echo "build.sh ended 0" || echo "build.sh ended 1"
} | awk -v tty=$tty '
    function clear() { if (tty && shown) printf "\r\033[K"; shown = 0 }
    /^build.sh ended / { failed = $3; next }
    /^ninja: no work to do/ { all = 0; next }
    /^\[0\/[0-9]+\] / { next }
    /^\[[0-9]+\/[0-9]+\] / {
        split($1, n, /[][\/]/); done = n[2]; all = n[3]
        if (tty) { printf "\r\033[KBuilding: %d of %d", done, all; shown = 1 }
        else if (done == 1) printf "Building: %d files\n", all
        fflush(); next
    }
    { clear(); print; fflush() }
    END {
        clear()
        if (failed) print "make: the build stopped; the reason stands above. V=1 shows every command."
        else if (all) printf "Built %d of %d.\n", done, all
        exit failed
    }'
