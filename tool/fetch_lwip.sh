#!/bin/sh
# Fetch lwIP's source as a Debian package, without touching the system's apt lists.
#
#   tool/fetch_lwip.sh [FOLDER]        2.1.3, from the system's own package sources, into FOLDER/lwip (default build)
#   tool/fetch_lwip.sh FOLDER newer    the 2.2 of Debian 13 (trixie), into FOLDER/lwip-newer: what ./check builds one image with
#
# The package sources are turned into deb-src entries, and given to an apt whose lists, cache and sources all lie in
# FOLDER/apt or FOLDER/apt-newer. apt checks Debian's signature and unpacks.
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
mkdir -p "$build/$apt/sources.list.d" "$build/$apt/lists/partial" "$build/$apt/cache/archives/partial"
build=$(cd "$build" && pwd)
apt=$build/$apt

rm -f "$apt"/sources.list.d/*
for file in /etc/apt/sources.list.d/*.sources; do
    [ -f "$file" ] || continue
    sed -E 's/^(Types:).*/\1 deb-src/' "$file" > "$apt/sources.list.d/$(basename "$file")"
done
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ -f "$file" ] || continue
    sed -nE 's/^[[:space:]]*deb[[:space:]]/deb-src /p' "$file" > "$apt/sources.list.d/system-$(basename "$file" .list).list"
done
# Another release: of Debian's main archive alone (its address ends in /debian), the others' have other names.
if [ -n "$release" ]; then
    for file in "$apt"/sources.list.d/*.sources; do
        [ -f "$file" ] || continue
        sed -E "s/^(Suites:).*/\1 $release/" "$file" | awk -v RS= -v ORS='\n\n' '/URIs:[^\n]*\/debian\/?(\n|$)/' > "$file.new"
        mv "$file.new" "$file"
    done
    for file in "$apt"/sources.list.d/*.list; do
        [ -f "$file" ] || continue
        sed -nE "s@^(deb-src .*/debian/?)[[:space:]]+[^[:space:]/]+[[:space:]].*@\1 $release main@p" "$file" | sort -u > "$file.new"
        mv "$file.new" "$file"
    done
fi

options="-o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts=$apt/sources.list.d
    -o Dir::State::Lists=$apt/lists -o Dir::Cache=$apt/cache"
# The sandbox user _apt can't write below a private build folder: download as who we are.
options="$options -o APT::Sandbox::User=$(id -un)"

echo "lwIP: fetching Debian's source package $package${release:+ of $release}"
# shellcheck disable=SC2086
apt-get $options -q update > "$apt/update.log" 2>&1 || {
    echo "lwIP: apt-get could not read the package lists; see $apt/update.log" >&2
    exit 1
}
rm -rf "$apt/source" && mkdir -p "$apt/source"
# shellcheck disable=SC2086
(cd "$apt/source" && apt-get $options -q source "$package") > "$apt/source.log" 2>&1 || {
    echo "lwIP: apt-get could not fetch $package; see $apt/source.log" >&2
    echo "lwIP: an own checkout serves too: LWIP_PATH=/path/to/lwip" >&2
    exit 1
}
rm -rf "${build:?}/$name"
mv "$apt"/source/lwip-2.* "$build/$name.tmp"
mv "$build/$name.tmp" "$build/$name"
