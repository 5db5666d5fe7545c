#!/usr/bin/env python3
"""What to know when an image didn't link: link_failed.py IMAGE.map SCRIPT.ld [COMMAND …]

The linker names by how many bytes a memory overflows; this says how large each one is. Nothing else to say: silent. With a
command, that is the linker's: it is run first, and nothing is said where it succeeds.
SPDX-License-Identifier: MIT
"""
import re
import subprocess
import sys


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    if len(sys.argv) > 3:
        code = subprocess.run(sys.argv[3:], check=False).returncode
        if code == 0:
            return
        said()
        sys.exit(code)
    said()


def said():
    try:
        with open(sys.argv[1], encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError:
        return
    memory = text.partition("Memory Configuration")[2].partition("Linker script and memory map")[0]
    found = re.findall(r"^(IMAGE|RAM|GUARD)\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)", memory, re.MULTILINE)
    if found:
        print(f"link: the memories of {sys.argv[2]} (docs/update.md, Layout):", file=sys.stderr)
    for name, origin, length in found:
        print(f"link:   {name:6} 0x{int(origin, 16):08X}, {int(length, 16)} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
