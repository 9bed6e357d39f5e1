#!/bin/sh
# The graphics backend on drivers that this system's own cannot stand for, in a newer Debian below build/gpu-check:
# cooperative matrices on its Mesa, every shader through its spirv-val, the commands through its validation layers with
# checks of synchronisation, and Chromium's SwiftShader, the driver with the smallest limits. By hand, as root; the first
# run fetches half a gigabyte. docs/GPU.md tells more. FC_DEBIAN=sid, FC_MIRROR=http://deb.debian.org/debian
#   tools/gpu_check.sh [shaders|matrices|sync|swiftshader]...    all of them without a name
set -eu
cd "$(dirname "$0")/.."
suite=${FC_DEBIAN:-sid}
mirror=${FC_MIRROR:-http://deb.debian.org/debian}
home=$PWD/build/gpu-check
root=$home/root
packages="ca-certificates libgomp1 mesa-vulkan-drivers vulkan-validationlayers vulkan-tools glslang-tools spirv-tools"
tests="test_ops_product test_ops_norm test_ops_attention test_vulkan test_vulkan_pictures"

if [ "${1:-}" != --inside ]; then
    [ "$(id -u)" = 0 ] || { echo "tools/gpu_check.sh: run it as root, it makes a system of its own below build/" >&2; exit 1; }
    command -v debootstrap >/dev/null || { echo "tools/gpu_check.sh: install debootstrap" >&2; exit 1; }
    mkdir -p "$home/out"
    if [ ! -f "$home/made" ]; then
        [ -x "$root/usr/bin/apt-get" ] || debootstrap --variant=minbase "$suite" "$root" "$mirror" >"$home/debootstrap.log"
        cp /etc/resolv.conf "$root/etc/resolv.conf"
        # a mirror that is some weeks behind serves
        echo 'Acquire::Check-Valid-Until "false";' >"$root/etc/apt/apt.conf.d/mirror"
        chroot "$root" env DEBIAN_FRONTEND=noninteractive sh -ec "
            apt-get update -qq
            apt-get install -y -qq --no-install-recommends $(echo $packages) >/dev/null
            cd /tmp && apt-get download -qq chromium-common && dpkg-deb -x chromium-common_*.deb chromium && rm chromium-common_*.deb
            mkdir -p /opt/swiftshader && mv chromium/usr/lib/chromium/*swiftshader* /opt/swiftshader/ && rm -r chromium"
        touch "$home/made"
    fi
    # What was built here runs there, with those libraries from here that are not there.
    tools/build.sh release "$(nproc)" $tests
    mkdir -p "$home/lib" "$root$PWD"
    for program in $tests; do ldd "build/release/$program"; done | awk '$2 == "=>" { print $1, $3 }' | sort -u |
        while read -r name path; do
            chroot "$root" ldconfig -p | grep -qF "$name " || cp -L "$path" "$home/lib/"
        done
    # the mounts end with this process
    exec unshare --mount --propagation private sh -ec "
        mount --bind '$PWD' '$root$PWD'
        mount -t proc proc '$root/proc'
        mount --rbind /sys '$root/sys'
        mount --rbind /dev '$root/dev'
        exec chroot '$root' env HOME='$home/out' LANG=C.UTF-8 '$PWD/tools/gpu_check.sh' --inside $*"
fi

# ---- inside ----
shift
[ $# -gt 0 ] || set -- shaders matrices sync swiftshader
out=$home/out
lavapipe=$(ls /usr/share/vulkan/icd.d/lvp_icd*.json)
export FC_TEST_TMP="$out/tmp" FOOOCUS_DEMO=none XDG_CACHE_HOME="$out/cache" LD_LIBRARY_PATH="$home/lib"
mkdir -p "$out/tmp"

failed=0
# NAME COMMAND...: what it says goes into a file; its last words are shown when it fails.
check() {
    name=$1
    shift
    started=$(date +%s)
    if "$@" >"$out/$name.log" 2>&1; then
        echo "$name: good, $(($(date +%s) - started)) s"
    else
        echo "$name: FAILED, see build/gpu-check/out/$name.log"
        grep -v '^\[ *\(RUN\|OK\)' "$out/$name.log" | tail -20
        failed=1
    fi
}

run() { # PROGRAM [FILTER], with the variables set so far
    program=$1
    shift
    case $program in test_ops_*) set -- vulkan "$@" ;; esac # of the others it is the only backend
    "$home/../release/$program" "$@"
}

# As run, and the layers must find nothing.
quiet_run() {
    code=0
    run "$@" >"$out/layers.txt" 2>&1 || code=$?
    cat "$out/layers.txt"
    ! grep -q -E 'Validation (Error|Warning)|SYNC-HAZARD|VUID-|UNASSIGNED' "$out/layers.txt" && [ "$code" = 0 ]
}

# Barriers left out must be found, or finding nothing says nothing.
finds_missing_barriers() {
    FC_VK_NO_BARRIERS=1 run test_ops_norm 2>&1 | grep -m 3 SYNC-HAZARD
}

# A compiler of another version than the one that made them cannot tell.
remade() {
    tools/shaders.sh --check || [ $? = 77 ]
}

shaders() {
    check shaders_remade remade
    for module in src/backend/vulkan/spirv/*.spv; do
        check "spirv_val_$(basename "$module" .spv)" spirv-val --target-env vulkan1.2 "$module"
    done
}

matrices() {
    export VK_DRIVER_FILES="$lavapipe" FC_VK_POISON=1 FC_VK_DIRECT=0
    vulkaninfo 2>/dev/null | grep -q VK_KHR_cooperative_matrix || { echo "this Mesa has no cooperative matrices"; failed=1; }
    for t in test_ops_product test_ops_attention test_vulkan test_vulkan_pictures; do
        check "matrices_$t" run "$t"
    done
    unset FC_VK_POISON FC_VK_DIRECT
}

sync() {
    export VK_DRIVER_FILES="$lavapipe" VK_INSTANCE_LAYERS=VK_LAYER_KHRONOS_validation
    export VK_LAYER_VALIDATE_SYNC=1 VK_LAYER_SYNCVAL_SHADER_ACCESSES_HEURISTIC=1
    check sync_finds_what_is_missing finds_missing_barriers
    for t in test_ops_product test_ops_norm test_ops_attention; do check "sync_$t" quiet_run "$t"; done
    export FC_VK_DIRECT=0 # as cards compute, with matrices
    check sync_picture quiet_run test_vulkan_pictures the_same_picture
    unset FC_VK_DIRECT VK_INSTANCE_LAYERS VK_LAYER_VALIDATE_SYNC VK_LAYER_SYNCVAL_SHADER_ACCESSES_HEURISTIC
}

swiftshader() {
    export VK_DRIVER_FILES=/opt/swiftshader/vk_swiftshader_icd.json FC_TEST_DEVICE=SwiftShader
    check swiftshader_norms run test_ops_norm
    check swiftshader_products run test_ops_product 'equals*' # slow: a driver without vectors
    unset FC_TEST_DEVICE
}

for part in "$@"; do
    case $part in
    shaders | matrices | sync | swiftshader) "$part" ;;
    *) echo "tools/gpu_check.sh: there is no part $part" >&2; exit 1 ;;
    esac
done
[ "$failed" = 0 ] && echo "gpu-check: all good on $(. /etc/os-release && echo "$PRETTY_NAME"), Mesa $(dpkg-query -W -f '${Version}' mesa-vulkan-drivers)"
exit "$failed"
