#!/bin/sh
# Fetch CBMC and the solver CaDiCaL, Debian trixie's packages with the libraries that they need, into build/cbmc/root. Nothing
# is installed; they run by their own loader (test/proof/run.py). Where they can't be had, build/cbmc/missing says why, and
# the proofs are skipped.
#
# SPDX-License-Identifier: MIT
set -eu

version=6.6.0-4
packages="cbmc=$version cadical minisat libc6 libgcc-s1 libstdc++6"
build=${1:-build}
[ -f "$build/cbmc/$version" ] && exit 0

mkdir -p "$build/cbmc"
exec 9> "$build/fetch_cbmc.lock"
flock 9
[ -f "$build/cbmc/$version" ] && exit 0
cbmc=$(cd "$build/cbmc" && pwd)

fail()
{
    echo "no CBMC $version: $1" > "$cbmc/missing"
    echo "CBMC: $1; the proofs will be skipped" >&2
    exit 0
}

# shellcheck source=tool/own_apt.sh
. "$(dirname "$0")/own_apt.sh"
echo "CBMC: fetching Debian trixie's package cbmc $version"
own_apt_begin "$cbmc/apt" deb trixie || fail "this system's apt has no package source of Debian"
own_apt update > "$cbmc/update.log" 2>&1 || fail "apt-get can't read trixie's lists, see build/cbmc/update.log"
rm -rf "$cbmc/deb" "$cbmc/root.new" && mkdir -p "$cbmc/deb" "$cbmc/root.new"
# shellcheck disable=SC2086
(cd "$cbmc/deb" && own_apt download $packages) > "$cbmc/download.log" 2>&1 ||
    fail "apt-get can't download it, see build/cbmc/download.log"
for package in "$cbmc"/deb/*.deb; do
    dpkg-deb -x "$package" "$cbmc/root.new"
done
rm -rf "$cbmc/deb" "$cbmc/root" "$cbmc/missing"
mv "$cbmc/root.new" "$cbmc/root"

# CBMC starts the solver by name.
folder=$(cd "$cbmc" && dirname root/usr/lib/*-linux-gnu*/ld-linux*.so.*)
cat > "$cbmc/cadical" <<SCRIPT
#!/bin/sh
cbmc=\$(dirname "\$0")
exec "\$cbmc/$folder"/ld-linux*.so.* --library-path "\$cbmc/$folder" "\$cbmc/root/usr/bin/cadical" "\$@"
SCRIPT
chmod +x "$cbmc/cadical"
touch "$cbmc/$version"
