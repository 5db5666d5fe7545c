#!/usr/bin/env python3
"""Write product, version, git state, build ID and the CRC word that the boot guard asks for into a linked image, and refuse one with
a heap:

    stamp.py LINKED.elf --product NAME --version 1.2.3-rc.1 [--folder FOLDER] [-o IMAGE.elf]
    stamp.py --state FILE [--folder FOLDER]         write the git state into a file, if it is another one
    stamp.py --check --product NAME --version 1.2.3       are these a product and a version?

The version is a semantic one. The git state is GIT_STATE of the environment, else that of the product's folder: the commit, and
"-dirty" where something isn't committed; nothing outside of a checkout. Where in the image each stands: wire/image.h.
SPDX-License-Identifier: MIT
"""
import argparse
import os
import re
import struct
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import image  # noqa: E402
from image import version_of  # noqa: E402

TOOL = os.environ.get("CROSS", "arm-none-eabi-")
GIT = ("git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*")

PRODUCT_MAX, GIT_MAX = 31, 23  # characters


def git_state(folder):
    given = os.environ.get("GIT_STATE")
    if given is not None:
        return given
    try:
        done = subprocess.run(GIT, cwd=folder, check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def text_of(what, text, limit, empty=False):
    if not re.fullmatch("[ -~]*", text) or not (text or empty):
        raise image.Wrong(f"{what} '{text}': printable ASCII, at least one character")
    if len(text) > limit:
        raise image.Wrong(f"{what} '{text}' has {len(text)} characters, {limit} are allowed")
    return text.encode()


def stamped(elf, product, version, git):
    """The bytes of an ELF file with a header that is complete, and its CRC word."""
    if ".crc" not in image.places_of(elf):
        raise image.Wrong("no section .crc in it; it wasn't linked by chip/cortex_m4/cortex_m4.ld")
    content, parts = image.laid(elf)
    del content[parts[-1][0]:]  # the CRC word is the last one
    at = image.header_at(content)
    if at is None or at + image.HEADER.size > len(content) or struct.unpack_from("<I", content, at + 12)[0] != image.FORMAT:
        raise image.Wrong("no header behind its vectors; chip/cortex_m4/guard.c isn't linked, or is an older one")
    magic, board, length, form, base, *_ = image.HEADER.unpack_from(content, at)
    if length != len(content) or length % 4:
        raise image.Wrong(f"{len(content)} bytes, and the linker says {length}")
    *numbers, pre = version_of(version)
    words = (text_of("product", product, PRODUCT_MAX), text_of("git state", git, GIT_MAX, empty=True))
    head = (magic, board, length, form, base, *numbers, 0, pre.encode(), *words)
    image.HEADER.pack_into(content, at, *head, bytes(16))
    image.HEADER.pack_into(content, at, *head, image.build_of(content, at))
    content += struct.pack("<I", image.crc(content))
    made = bytearray(elf)
    for where, offset, size in parts:
        made[offset:offset + size] = content[where:where + size]
    return made


def heap_refuse(elf):
    """There is none after start, nor before: the first one who calls malloc ends the build."""
    names = subprocess.run([TOOL + "nm", elf], check=True, capture_output=True, text=True).stdout
    found = re.findall(r" (malloc|free|_sbrk|_malloc_r)$", names, re.MULTILINE)
    if found:
        raise image.Wrong(f"a heap has come into the image ({', '.join(found)}); the map beside it says by whom")


def state_write(path, state):
    """Nothing is touched where it is the same: what depends on the file stays."""
    if os.path.exists(path) and image.read(path) == state.encode():
        return
    image.write(path, state.encode())


def stamp(given):
    output = given.output or given.elf
    try:
        heap_refuse(given.elf)
        made = stamped(image.read(given.elf), given.product, given.version, git_state(given.folder))
    except image.Wrong:
        if os.path.exists(output):
            os.remove(output)  # so that the next build doesn't take it for a good one
        raise
    image.write(output, made)
    os.chmod(output, os.stat(given.elf).st_mode & 0o777)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("elf", metavar="LINKED.elf", nargs="?")
    parser.add_argument("--product", metavar="NAME")
    parser.add_argument("--version", metavar="1.2.3")
    parser.add_argument("--folder", default=".", help="the product's (default: here)")
    parser.add_argument("--state", metavar="FILE")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("-o", dest="output", metavar="IMAGE.elf", help="default: into the same file")
    given = parser.parse_args()
    if not given.state and None in (given.elf or given.check or None, given.product, given.version):
        parser.error("LINKED.elf, --product and --version are needed, or --state")
    try:
        if given.state:
            state_write(given.state, git_state(given.folder))
        elif given.check:
            version_of(given.version)
            text_of("product", given.product, PRODUCT_MAX)
        else:
            stamp(given)
    except image.Wrong as why:
        sys.exit(": ".join(["stamp", *filter(None, [given.elf or given.state]), str(why)]))


if __name__ == "__main__":
    main()
