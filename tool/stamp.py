#!/usr/bin/env python3
"""Write the CRC word that the boot guard asks for into a linked image, and refuse one with a heap: stamp.py IMAGE.elf

The CRC is that of the STM32's unit: polynomial 0x04C11DB7 over whole words, begun with all ones, neither reflected nor
inverted at the end. It covers all from the vector table to the word itself (chip/cortex_m4/guard.h).
SPDX-License-Identifier: MIT
"""
import os
import re
import struct
import subprocess
import sys
import tempfile

TOOL = os.environ.get("CROSS", "arm-none-eabi-")
TABLE = []
for _byte in range(256):
    _value = _byte << 24
    for _ in range(8):
        _value = (_value << 1 ^ (0x04C11DB7 if _value >> 31 else 0)) & 0xFFFFFFFF
    TABLE.append(_value)


def crc(data):
    """Of bytes whose number is a multiple of 4; words are little-endian, as the core reads them."""
    value = 0xFFFFFFFF
    for (word,) in struct.iter_unpack("<I", data):
        for shift in (24, 16, 8, 0):
            value = (value << 8 & 0xFFFFFFFF) ^ TABLE[value >> 24 ^ (word >> shift & 0xFF)]
    return value


def sections(elf, *names):
    """The bytes of sections that lie together in flash."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "image.bin")
        subprocess.run([TOOL + "objcopy", "-O", "binary", *(f"--only-section={name}" for name in names), elf, path],
                       check=True)
        with open(path, "rb") as file:
            return file.read()


def heap_refuse(elf):
    """There is none after start, nor before: the first one who calls malloc ends the build."""
    names = subprocess.run([TOOL + "nm", elf], check=True, capture_output=True, text=True).stdout
    found = re.findall(r" (malloc|free|_sbrk|_malloc_r)$", names, re.MULTILINE)
    if found:
        os.remove(elf)
        sys.exit(f"a heap has come into the image ({', '.join(found)}); the map beside it says by whom")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    elf = sys.argv[1]
    heap_refuse(elf)
    image = sections(elf, ".text", ".data")
    if len(image) % 4:
        sys.exit(f"stamp: {elf}: {len(image)} bytes, not whole words")
    with tempfile.NamedTemporaryFile() as word:
        word.write(struct.pack("<I", crc(image)))
        word.flush()
        subprocess.run([TOOL + "objcopy", f"--update-section=.crc={word.name}", elf], check=True)


if __name__ == "__main__":
    main()
