"""Update files made of a built one: another version, product or board, code that crashes or hangs, another signature."""
# SPDX-License-Identifier: MIT
import os
import struct
import sys

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tool"), os.path.join(ROOT, "testkit")]
import image as tool  # noqa: E402
from plugnet_testkit import Elf  # noqa: E402

CRASH = struct.pack("<H", 0xDE00)                 # udf
HANG = struct.pack("<HHH", 0xB672, 0xBF30, 0xE7FD)  # cpsid i; wfi; b to the wfi: no tick gets through
BOARD, LENGTH, BASE, VERSION, PRODUCT, BUILD = 4, 8, 16, 20, 48, 104


class Craft:
    """The image in an update file, to be changed; `data()` is the file again."""

    def __init__(self, path, elf=None):
        with open(path, "rb") as file:
            data = file.read()
        self.at = tool.header_at(data)
        self.image = bytearray(data[:struct.unpack_from("<I", data, self.at + LENGTH)[0]])
        self.elf = Elf(elf) if elf else None

    def word(self, offset, value):
        """A word of the header."""
        struct.pack_into("<I", self.image, self.at + offset, value)
        return self

    def version(self, text):
        number, _, pre = text.partition("-")
        struct.pack_into("<3H", self.image, self.at + VERSION, *map(int, number.split(".")))
        self.image[self.at + VERSION + 8:self.at + PRODUCT] = pre.encode().ljust(20, b"\0")
        return self

    def product(self, text):
        self.image[self.at + PRODUCT:self.at + PRODUCT + 32] = text.encode().ljust(32, b"\0")
        return self

    def code(self, symbol, code):
        """Put instructions at a function's begin."""
        base = struct.unpack_from("<I", self.image, self.at + BASE)[0]
        at = (self.elf.symbol(symbol).address & ~1) - base
        self.image[at:at + len(code)] = code
        return self

    def grown(self, length):
        """So long at least, by bytes that nobody reads."""
        length = max(length, len(self.image))
        self.image += bytes(i * 37 & 255 for i in range(length - len(self.image)))
        return self.word(LENGTH, length)

    def data(self, key=None):
        """The file: build ID and CRC made anew, signed where a key is given."""
        self.image[self.at + BUILD:self.at + BUILD + 16] = tool.build_of(bytes(self.image), self.at)
        image = bytes(self.image)
        image += struct.pack("<I", tool.crc(image))
        return image + (tool.TRAILER.pack(tool.SIGNED, 0, tool.sign(key, image)) if key else b"")
