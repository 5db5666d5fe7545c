#!/bin/sh
# Fetch lwIP's source as a Debian package, without touching the system's apt lists.
#
#   tool/fetch_lwip.sh [FOLDER]        2.1.3, from the system's own package sources, into FOLDER/lwip (default build)
#   tool/fetch_lwip.sh FOLDER newer    the 2.2 of Debian 13 (trixie), into FOLDER/lwip-newer: what ./check builds one image with
#
# The package sources are turned into deb-src entries, and given to an apt of our own (own_apt.sh) in FOLDER/apt or
# FOLDER/apt-newer. apt checks Debian's signature and unpacks.
#
# SPDX-License-Identifier: MIT
set -eu

build=${1:-build}
case ${2:-} in
'') name=lwip apt=apt package=lwip=2.1.3+dfsg1-2 release= ;;
newer) name=lwip-newer apt=apt-newer package=lwip release=trixie ;;
*) echo "usage: tool/fetch_lwip.sh [FOLDER [newer]]" >&2 && exit 2 ;;
esac
[ -f "$build/$name/src/core/init.c" ] && exit 0

mkdir -p "$build"
exec 9> "$build/fetch_$name.lock"
flock 9
[ -f "$build/$name/src/core/init.c" ] && exit 0
build=$(cd "$build" && pwd)
apt=$build/$apt
# shellcheck source=tool/own_apt.sh
. "$(dirname "$0")/own_apt.sh"
# shellcheck disable=SC2086
own_apt_begin "$apt" deb-src $release || {
    echo "lwIP: this system's apt has no package sources" >&2
    exit 1
}

echo "lwIP: fetching Debian's source package $package${release:+ of $release}"
own_apt update > "$apt/update.log" 2>&1 || {
    echo "lwIP: apt-get could not read the package lists; see $apt/update.log" >&2
    exit 1
}
rm -rf "$apt/source" && mkdir -p "$apt/source"
(cd "$apt/source" && own_apt source "$package") > "$apt/source.log" 2>&1 || {
    echo "lwIP: apt-get could not fetch $package; see $apt/source.log" >&2
    echo "lwIP: an own checkout serves too: LWIP_PATH=/path/to/lwip" >&2
    exit 1
}
rm -rf "${build:?}/$name"
mv "$apt"/source/lwip-2.* "$build/$name.tmp"
mv "$build/$name.tmp" "$build/$name"
