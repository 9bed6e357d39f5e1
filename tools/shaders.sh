#!/bin/sh
# Compiles src/backend/vulkan/shaders/*.comp into spirv/NAME.spv (devices without 16-bit storage) and NAME_16.spv, and those
# with cooperative matrices (*_coop.comp) into NAME_coop8.spv and NAME_coop16.spv. The results are checked in, so that building
# needs no shader compiler. A compiler of another version writes other words, so each kind has its own: glslang 12 of Debian 12,
# which does not know cooperative matrices, and for these the one that spirv/COMPILER names.
#   tools/shaders.sh          make those again that this compiler makes
#   tools/shaders.sh --check  say whether they are what the sources give; exit code 77 when this compiler makes none of them
set -eu
cd "$(dirname "$0")/../src/backend/vulkan"
command -v glslangValidator >/dev/null || { echo "shaders: install glslang-tools" >&2; exit 77; }
version=$(glslangValidator --version | sed -n 's/^Glslang Version: [0-9]*:\([0-9.]*\).*/\1/p')

out=spirv
if [ "${1:-}" = --check ]; then
    case $version in
    12.* | "$(cat spirv/COMPILER)") ;;
    *) echo "shaders: not compared, this is glslang $version, not 12 or $(cat spirv/COMPILER)" >&2; exit 77 ;;
    esac
    out=$(mktemp -d)
    trap 'rm -rf "$out"' EXIT
fi
mkdir -p "$out"

# NAME SOURCE OPTION...  For Vulkan 1.2: SPIR-V 1.6 would want maintenance4 for a workgroup's size by constants.
make_module() {
    made=$out/$1.spv
    source=$2
    shift 2
    glslangValidator -V -g0 --quiet --target-env vulkan1.2 -Ishaders "$@" -o "$made" "$source"
    ! command -v spirv-val >/dev/null || spirv-val --target-env vulkan1.2 "$made"
}

for source in shaders/*.comp; do
    name=$(basename "$source" .comp)
    case $version:$name in
    12.*:*_coop) ;;
    12.*)
        make_module "$name" "$source"
        make_module "${name}_16" "$source" -DWITH_16
        ;;
    *:*_coop)
        for side in 8 16; do make_module "$name$side" "$source" -DSIDE=$side; done
        ;;
    esac
done
if [ "$out" = spirv ]; then
    case $version in 12.*) ;; *) echo "$version" >spirv/COMPILER ;; esac
    exit 0
fi
for made in "$out"/*.spv; do
    cmp "$made" "spirv/$(basename "$made")" || { echo "run tools/shaders.sh and check the result in" >&2; exit 1; }
done
echo "shaders: $(ls "$out"/*.spv | wc -l) are as their sources say"
