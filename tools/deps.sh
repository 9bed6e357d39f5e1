#!/bin/sh
# Installs what building and testing need and is not there yet: Debian or Ubuntu packages, and the npm packages of the lock
# file. Quiet and quick when nothing is missing. Usage: tools/deps.sh [build|test|lint|deb|fuzz|fuzz-runtime]...
set -eu
cd "$(dirname "$0")/.."

build="gcc cmake ninja-build pkg-config libc6-dev libdnnl-dev libjansson-dev libpng-dev libjpeg62-turbo-dev libwebp-dev
  libcurl4-openssl-dev libssl-dev libsqlite3-dev libutf8proc-dev libmicrohttpd-dev zlib1g-dev libvulkan-dev"
test="mesa-vulkan-drivers glslang-tools libcmocka-dev python3 chromium nginx-light postgresql"
lint="clang-format python3"
fuzz="clang libomp-dev"
deb="dpkg-dev file"

wanted=$build
node_packages=build # tests and lint also need the lock file's devDependencies
for group in "$@"; do
    case $group in
    build) ;; # always
    test) wanted="$wanted $test"; node_packages=all ;;
    lint) wanted="$wanted $lint"; node_packages=all ;;
    fuzz) wanted="$wanted $fuzz" ;;
    deb) wanted="$wanted $deb" ;;
    fuzz-runtime) wanted="$wanted libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev" ;;
    *) echo "tools/deps.sh: there is no group $group" >&2; exit 1 ;;
    esac
done
command -v npm >/dev/null 2>&1 || wanted="$wanted nodejs npm"

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# What the tool said, then what failed and what can be done about it; ends the script.
explain() {
    cat "$log" >&2
    echo "tools/deps.sh: $1 The reason stands above." >&2
    shift
    for line in "$@"; do echo "  $line" >&2; done
    exit 1
}

installed() {
    dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'
}

missing=
for package in $wanted; do
    # Ubuntu has libjpeg-dev where Debian has libjpeg62-turbo-dev
    if [ "$package" = libjpeg62-turbo-dev ] && installed libjpeg-turbo8-dev; then continue; fi
    installed "$package" || missing="$missing $package"
done

if [ -n "$missing" ]; then
    command -v apt-get >/dev/null 2>&1 || {
        echo "Please install these packages with your system's package manager:$missing" >&2
        exit 1
    }
    as_root=env
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null 2>&1 || {
            echo "These packages are missing, and only an administrator can install them. Run this as root, then make again:" >&2
            echo "  apt-get install$missing" >&2
            exit 1
        }
        as_root="sudo env" # sudo hides this shell's environment
    fi
    echo "Installing:$missing"
    $as_root apt-get update -qq >"$log" 2>&1 || {
        cat "$log" >&2
        echo "tools/deps.sh: apt-get update failed, the lists of packages may be old; the reason stands above." >&2
    }
    if grep -qi ubuntu /etc/os-release; then
        missing=$(echo "$missing" | sed 's/libjpeg62-turbo-dev/libjpeg-turbo8-dev/')
    fi
    # shellcheck disable=SC2086
    $as_root DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >"$log" 2>&1 || {
        explain "These packages could not be installed:$missing." \
            "Behind a proxy, apt needs: echo 'Acquire::http::Proxy \"http://HOST:PORT\";' > /etc/apt/apt.conf.d/proxy"
    }
    # the tests start their own servers; the packages' services are not wanted
    case "$missing" in *nginx*) $as_root systemctl disable --now nginx >/dev/null 2>&1 || true ;; esac
    case "$missing" in *postgresql*) $as_root systemctl disable --now postgresql >/dev/null 2>&1 || true ;; esac
fi

omit=
[ "$node_packages" = all ] || omit=--omit=dev
if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ] ||
    { [ -z "$omit" ] && [ ! -d node_modules/playwright-core ]; }; then
    # shellcheck disable=SC2086
    npm ci --loglevel=error --no-audit --no-fund $omit >"$log" 2>&1 || {
        explain "The npm packages of package-lock.json could not be installed." \
            "Behind a proxy, npm needs: npm config set https-proxy http://HOST:PORT" \
            "With a certificate of your own: export NODE_EXTRA_CA_CERTS=/path/to/certificate.pem" \
            "With a registry of your own: npm config set registry https://HOST/"
    }
    touch node_modules/.package-lock.json
fi
