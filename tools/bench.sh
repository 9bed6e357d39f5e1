#!/bin/sh
# Measures the program with full-size SDXL: makes a synthetic checkpoint when there is none, then runs fooocus bench. Arguments go to it;
# without any it measures ops, step, text, vae and load. BENCH="step --size 832x1216" hands them over from make.
set -eu
cd "$(dirname "$0")/.."
bin=build/release
model=build/cache/synth_base.safetensors
decoder=build/cache/synth_taesd.safetensors
need_mib=7000

make_file() { # kind, path: whole under its name, or not there at all
    [ -f "$2" ] && return
    "$bin/synth_ckpt" "$1" "$2.part" >&2 # standard output may be JSON
    mv "$2.part" "$2"
}

mkdir -p build/cache
if [ ! -f "$model" ]; then
    free_mib=$(df -Pm build/cache | awk 'NR == 2 { print $4 }')
    if [ "$free_mib" -lt "$need_mib" ]; then
        echo "The synthetic model needs $need_mib MiB in build/cache, which has $free_mib MiB free. Make room, or measure a model of" >&2
        echo "your own: $bin/fooocus bench --model FILE" >&2
        exit 1
    fi
    echo "Making a synthetic model of SDXL's size in build/cache: 6.9 GB, half a minute." >&2
fi
make_file base "$model"
make_file taesd_decoder "$decoder"
exec "$bin/fooocus" bench --model "$model" --preview-decoder "$decoder" "$@"
