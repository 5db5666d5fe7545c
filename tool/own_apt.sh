# An apt of our own, for scripts to source: package sources, lists and cache lie below a folder of the build, and the system's
# stay as they are. apt checks Debian's signatures as ever.
#
#   own_apt_begin FOLDER deb-src       the system's package sources, for source packages
#   own_apt_begin FOLDER deb trixie    Debian's archive as the system names it, with another suite; fails where it names none
#   own_apt update | download … | source …
#
# SPDX-License-Identifier: MIT

own_apt_begin()
{
    mkdir -p "$1/sources.list.d" "$1/lists/partial" "$1/cache/archives/partial"
    own_apt=$(cd "$1" && pwd)
    rm -f "$own_apt"/sources.list.d/*
    for file in /etc/apt/sources.list.d/*.sources; do
        [ -f "$file" ] || continue
        if [ $# = 2 ]; then
            sed -E "s/^(Types:).*/\1 $2/" "$file"
        else # of several archives in a file, those that are Debian's
            awk -v RS= -v ORS='\n\n' '/(^|\n)URIs:[^\n]*\/debian\/?(\n|$)/' "$file" | sed -E "s/^(Types:).*/\1 $2/; s/^(Suites:).*/\1 $3/"
        fi > "$own_apt/sources.list.d/$(basename "$file")"
    done
    archive='[^[:space:]]+'
    [ $# = 2 ] || archive='[^[:space:]]+/debian/?'
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [ -f "$file" ] || continue
        sed -nE "s#^[[:space:]]*deb[[:space:]]+((\[[^]]*\][[:space:]]+)?$archive)[[:space:]]+([^[:space:]]+)#$2 \1 ${3:-\3}#p" "$file" \
            > "$own_apt/sources.list.d/system-$(basename "$file" .list).list"
    done
    find "$own_apt/sources.list.d" -type f -empty -delete
    [ -n "$(ls "$own_apt/sources.list.d")" ]
}

# The sandbox user _apt can't write below a private build folder: it downloads as who we are.
own_apt()
{
    apt-get -q -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$own_apt/sources.list.d" \
        -o Dir::State::Lists="$own_apt/lists" -o Dir::Cache="$own_apt/cache" -o APT::Sandbox::User="$(id -un)" "$@"
}
