#!/bin/sh
# Fetch lwIP 2.1.3 as Debian's source package into build/lwip, without touching the system's apt lists.
#
# The system's own package sources, as deb-src entries, are given to an apt of our own (own_apt.sh) below build/apt. apt checks
# Debian's signature and unpacks.
#
# SPDX-License-Identifier: MIT
set -eu

version=2.1.3+dfsg1-2
build=${1:-build}
[ -f "$build/lwip/src/core/init.c" ] && exit 0

mkdir -p "$build"
exec 9> "$build/fetch_lwip.lock"
flock 9
[ -f "$build/lwip/src/core/init.c" ] && exit 0
build=$(cd "$build" && pwd)
apt=$build/apt
# shellcheck source=tool/own_apt.sh
. "$(dirname "$0")/own_apt.sh"
own_apt_begin "$apt" deb-src || {
    echo "lwIP: this system's apt has no package sources" >&2
    exit 1
}

echo "lwIP: fetching Debian's source package lwip $version"
own_apt update > "$apt/update.log" 2>&1 || {
    echo "lwIP: apt-get could not read the package lists; see $apt/update.log" >&2
    exit 1
}
rm -rf "$apt/source" && mkdir -p "$apt/source"
(cd "$apt/source" && own_apt source "lwip=$version") > "$apt/source.log" 2>&1 || {
    echo "lwIP: apt-get could not fetch lwip=$version; see $apt/source.log" >&2
    echo "lwIP: an own checkout of 2.1.3 serves too: LWIP_PATH=/path/to/lwip" >&2
    exit 1
}
rm -rf "$build/lwip"
mv "$apt"/source/lwip-2.1.3* "$build/lwip.tmp"
mv "$build/lwip.tmp" "$build/lwip"
