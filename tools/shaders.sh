#!/bin/sh
# Compiles src/backend/vulkan/shaders/*.comp into spirv/NAME.spv (devices without 16-bit storage) and NAME_16.spv. The
# results are checked in, so that building needs no shader compiler.
#   tools/shaders.sh          make them again
#   tools/shaders.sh --check  say whether they are what the sources give; exit code 77 without Debian 12's compiler,
#                             glslang 12: others write other words
set -eu
cd "$(dirname "$0")/../src/backend/vulkan"
command -v glslangValidator >/dev/null || { echo "shaders: install glslang-tools" >&2; exit 77; }

out=spirv
if [ "${1:-}" = --check ]; then
    glslangValidator --version | grep -q ':12\.' || { echo "shaders: not compared, this is not glslang 12" >&2; exit 77; }
    out=$(mktemp -d)
    trap 'rm -rf "$out"' EXIT
fi
mkdir -p "$out"
for source in shaders/*.comp; do
    name=$(basename "$source" .comp)
    # Vulkan 1.2: SPIR-V 1.6 would want maintenance4 for a workgroup's size by constants
    glslangValidator -V -g0 --quiet --target-env vulkan1.2 -Ishaders -o "$out/$name.spv" "$source"
    glslangValidator -V -g0 --quiet --target-env vulkan1.2 -Ishaders -DWITH_16 -o "$out/${name}_16.spv" "$source"
    if command -v spirv-val >/dev/null; then
        spirv-val --target-env vulkan1.2 "$out/$name.spv"
        spirv-val --target-env vulkan1.2 "$out/${name}_16.spv"
    fi
done
[ "$out" = spirv ] && exit 0
for made in "$out"/*.spv; do
    cmp "$made" "spirv/$(basename "$made")" || { echo "run tools/shaders.sh and check the result in" >&2; exit 1; }
done
echo "shaders: $(ls "$out"/*.spv | wc -l) are as their sources say"
