#!/bin/sh
# Installs the Debian package into an empty Debian and makes a picture there with the demo model. Needs root and
# debootstrap; takes a few minutes. Usage: make deb && tools/test_deb.sh [PACKAGE]. DEB_MIRROR: where the packages come from.
set -eu
cd "$(dirname "$0")/.."
package=${1:-$(ls build/fooocus_*.deb | tail -n 1)}
[ "$(id -u)" = 0 ] || { echo "test_deb: this needs root" >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "test_deb: apt-get install debootstrap" >&2; exit 1; }
. /etc/os-release
mirror=${DEB_MIRROR:-$(apt-get indextargets --format '$(SITE)' | head -n 1)}

root=$(mktemp -d /tmp/fooocus_deb.XXXXXX)
trap 'umount "$root/proc" 2>/dev/null || true; rm -rf --one-file-system "$root"' EXIT
inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/srv DEBIAN_FRONTEND=noninteractive "$@"; }

echo "test_deb: an empty $VERSION_CODENAME"
debootstrap --variant=minbase "$VERSION_CODENAME" "$root" "$mirror" >/dev/null
cp -r /etc/apt/apt.conf.d "$root/etc/apt/" 2>/dev/null || true
cp /etc/resolv.conf "$root/etc/" 2>/dev/null || true
mount -t proc proc "$root/proc"
cp "$package" "$root/srv/fooocus.deb"
inside apt-get update -qq
echo "test_deb: installing"
inside apt-get install -y -qq --no-install-recommends /srv/fooocus.deb >/dev/null
inside fooocus --version

echo "test_deb: a picture"
inside sh -c 'cd /srv && fooocus generate "a red boat at sea" -q -o boat.png'
[ "$(head -c 8 "$root/srv/boat.png" | od -An -tx1 | tr -d ' \n')" = 89504e470d0a1a0a ] || { echo "test_deb: no PNG" >&2; exit 1; }
for file in usr/share/man/man1/fooocus.1.gz usr/lib/systemd/system/fooocus.service usr/share/doc/fooocus/copyright \
    usr/share/bash-completion/completions/fooocus; do
    # minimal systems may leave man pages out
    [ -e "$root/$file" ] || grep -qs "path-exclude" "$root"/etc/dpkg/dpkg.cfg.d/* || { echo "test_deb: $file is missing" >&2; exit 1; }
done
inside apt-get remove -y -qq fooocus >/dev/null
[ ! -e "$root/usr/bin/fooocus" ] || { echo "test_deb: removing leaves the program" >&2; exit 1; }
[ -e "$root/srv/boat.png" ] || { echo "test_deb: removing took the pictures" >&2; exit 1; }
echo "test_deb: good"
