#!/usr/bin/env python3
"""The part of an image that an update writes, as a file for dfu-util: dfu_file.py IMAGE.elf VID:PID -o FILE.dfu
What dfu-util needs to write it: dfu_file.py --address IMAGE.elf

The file holds all from the vector table on, so the boot guard in front of it stays, and ends with the suffix of DFU 1.1
[unread; from dfu-util 0.11's dfu_file.c]: the IDs that the board shows while it runs, so that dfu-util refuses it for a
board of another kind.
SPDX-License-Identifier: MIT
"""
import argparse
import os
import re
import struct
import subprocess
import sys
import zlib

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import image  # noqa: E402
import stamp  # noqa: E402

SUFFIX_LENGTH = 16
DFU_RELEASE = 0x0100  # the file holds nothing but memory's bytes
TEST_VENDOR, TEST_PRODUCT_MAX = 0x1209, 0x0010  # of pid.codes, for tests [unread]


def address(elf):
    """Where the image begins."""
    names = subprocess.run([stamp.TOOL + "nm", elf], check=True, capture_output=True, text=True).stdout
    found = re.search(r"^([0-9a-f]{8}) \S linker_vectors$", names, re.MULTILINE)
    if not found:
        sys.exit(f"dfu_file: {elf}: no linker_vectors in it; not an image of ours?")
    return int(found[1], 16)


def suffixed(content, vendor, product):
    """The image with its suffix, whose CRC is the inverted one of everything before it."""
    head = content + struct.pack("<HHHH3sB", 0xFFFF, product, vendor, DFU_RELEASE, b"UFD", SUFFIX_LENGTH)
    return head + struct.pack("<I", zlib.crc32(head) ^ 0xFFFFFFFF)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("elf", metavar="IMAGE.elf")
    parser.add_argument("id", metavar="VID:PID", nargs="?", help="as the board shows them, in hex: 1209:0001")
    parser.add_argument("-o", dest="output", metavar="FILE.dfu")
    parser.add_argument("--address", action="store_true", help="print where the image begins")
    options = parser.parse_args()
    if options.address:
        print(f"0x{address(options.elf):08X}")
        return
    found = re.fullmatch(r"([0-9a-fA-F]{4}):([0-9a-fA-F]{4})", options.id or "")
    if not found or not options.output:
        parser.error("an ID, two times four hexadecimal digits, and -o are needed")
    vendor, product = int(found[1], 16), int(found[2], 16)
    if vendor == TEST_VENDOR and product <= TEST_PRODUCT_MAX:
        print(f"warning: {os.path.basename(options.elf)}: USB ID {options.id} is for tests only and must not be shipped; "
              "your own goes into vendor_id, product_id and DFU_ID (docs/update.md)", file=sys.stderr)
    with open(options.output, "wb") as file:
        file.write(suffixed(image.sections(options.elf, *image.SECTIONS), vendor, product))


if __name__ == "__main__":
    main()
