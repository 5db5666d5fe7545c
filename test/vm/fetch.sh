#!/bin/sh
# Download packages of another suite of Debian's, by an apt of our own (tool/own_apt.sh). Nothing is installed.
#
#   test/vm/fetch.sh FOLDER SUITE PACKAGE=VERSION …     into FOLDER; the apt's lists lie in FOLDER/apt
#
# Exit code 3, and the reason on standard output: the version is gone from Debian, or the suite can't be read.
#
# SPDX-License-Identifier: MIT
set -eu

folder=$1 suite=$2
shift 2
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)

gone()
{
    echo "$1"
    exit 3
}

# shellcheck source=tool/own_apt.sh
. "$(dirname "$0")/../../tool/own_apt.sh"
own_apt_begin "$folder/apt" deb "$suite" || gone "this system's apt has no package source of Debian"
own_apt -o APT::Update::Error-Mode=any update > "$folder/update.log" 2>&1 || gone "apt-get can't read the lists of Debian's $suite"
for package in "$@"; do
    own_apt --print-uris download "$package" > /dev/null 2>&1 || gone "Debian has no ${package%%=*} ${package#*=} any more"
done
cd "$folder"
own_apt download "$@" > download.log 2>&1
