#!/bin/sh
# Fetch lwIP 2.1.3 as Debian's source package into build/lwip, without touching the system's apt lists.
#
# The system's own package sources are read, turned into deb-src entries, and given to an apt whose
# lists, cache and sources all live below build/apt. apt checks Debian's signature and unpacks.
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
mkdir -p "$build/apt/sources.list.d" "$build/apt/lists/partial" "$build/apt/cache/archives/partial"
build=$(cd "$build" && pwd)
apt=$build/apt

rm -f "$apt"/sources.list.d/*
for file in /etc/apt/sources.list.d/*.sources; do
    [ -f "$file" ] || continue
    sed -E 's/^(Types:).*/\1 deb-src/' "$file" > "$apt/sources.list.d/$(basename "$file")"
done
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ -f "$file" ] || continue
    sed -nE 's/^[[:space:]]*deb[[:space:]]/deb-src /p' "$file" > "$apt/sources.list.d/system-$(basename "$file" .list).list"
done

options="-o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts=$apt/sources.list.d
    -o Dir::State::Lists=$apt/lists -o Dir::Cache=$apt/cache"
# The sandbox user _apt can't write below a private build folder: download as who we are.
options="$options -o APT::Sandbox::User=$(id -un)"

echo "lwIP: fetching Debian's source package lwip $version"
# shellcheck disable=SC2086
apt-get $options -q update > "$apt/update.log" 2>&1 || {
    echo "lwIP: apt-get could not read the package lists; see $apt/update.log" >&2
    exit 1
}
rm -rf "$apt/source" && mkdir -p "$apt/source"
# shellcheck disable=SC2086
(cd "$apt/source" && apt-get $options -q source "lwip=$version") > "$apt/source.log" 2>&1 || {
    echo "lwIP: apt-get could not fetch lwip=$version; see $apt/source.log" >&2
    echo "lwIP: an own checkout of 2.1.3 serves too: LWIP_PATH=/path/to/lwip" >&2
    exit 1
}
rm -rf "$build/lwip"
mv "$apt"/source/lwip-2.1.3* "$build/lwip.tmp"
mv "$build/lwip.tmp" "$build/lwip"
