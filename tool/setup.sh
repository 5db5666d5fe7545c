#!/bin/sh
# Install what is missing: Debian packages (by apt, as root or with sudo), then lwIP's sources (fetch_lwip.sh) and, for the
# proofs, CBMC (fetch_cbmc.sh).
#
#   tool/setup.sh run      what ./run needs
#   tool/setup.sh check    what ./check needs, too
#
# Prints nothing when all is there. SPDX-License-Identifier: MIT
set -eu

packages="make gcc libc6-dev git python3 dpkg-dev gcc-arm-none-eabi libnewlib-arm-none-eabi
    esbuild"
[ "${1:-run}" = check ] && packages="$packages ccache cmake g++ clang libclang-rt-14-dev llvm-14 clang-format libunicorn-dev
    gdb-multiarch doxygen chromium chromium-driver tshark iperf curl iproute2 procps busybox
    usbip usbutils qemu-system-x86 openssl nodejs node-acorn libjs-jquery libjs-bootstrap5 libjs-vue libjs-leaflet
    libjs-underscore libjs-mustache libjs-d3 node-ws python3-websockets"

missing=
for package in $packages; do
    status=$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null || true)
    case $status in ii*) ;; *) missing="$missing $package" ;; esac
done

if [ -n "$missing" ]; then
    if [ "$(id -u)" = 0 ]; then
        as_root=
    elif command -v sudo > /dev/null; then
        as_root=sudo
    else
        echo "missing packages:$missing" >&2
        echo "install them as root (apt-get install$missing), or install sudo" >&2
        exit 1
    fi
    mkdir -p build
    echo "installing:$missing"
    # Interactive questions (tshark asks one) get their defaults; $as_root may be empty.
    $as_root env DEBIAN_FRONTEND=noninteractive sh -c "
        apt-get -q update && apt-get -q -y --no-install-recommends install $(echo $missing)" \
        > build/apt-install.log 2>&1 < /dev/null || {
        echo "apt-get failed; the end of build/apt-install.log:" >&2
        tail -n 5 build/apt-install.log >&2
        exit 1
    }
fi

[ -n "${LWIP_PATH:-}" ] || tool/fetch_lwip.sh build
# A second lwIP, which one suite is for.
[ "${1:-run}" = run ] || tool/fetch_lwip.sh build newer || echo "lwIP 2.2 is missing: its suite will be skipped" >&2
[ "${1:-run}" != check ] || tool/fetch_cbmc.sh build
