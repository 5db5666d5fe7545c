"""A small reader of ELF files, 32 bits, little-endian: the symbols of an image."""
# SPDX-License-Identifier: MIT
import re
import struct
from dataclasses import dataclass
from typing import Dict, List

SECTION = struct.Struct("<IIIIIIIIII")
SYMBOL = struct.Struct("<IIIBBH")
SYMTAB = 2
OBJECT, FUNCTION = 1, 2
CLONE = re.compile(r"\.(?:lto_priv|constprop|isra|part)\.\d+|\.\d+$")


class ElfError(Exception):
    """The file is no such ELF, or has no such symbol."""


@dataclass(frozen=True)
class Symbol:
    """A function or an object; `name` as in the source, without what the compiler adds to it."""
    name: str
    address: int
    size: int
    kind: int

    @property
    def is_function(self) -> bool:
        """It is code, not data."""
        return self.kind == FUNCTION


class Elf:
    """The symbols of an image, by name."""

    def __init__(self, path: str):
        """Read the file; ElfError says what is wrong with it."""
        self.path = path
        with open(path, "rb") as file:
            data = file.read()
        if len(data) < 52 or data[:6] != b"\x7fELF\x01\x01":
            raise ElfError(f"{path}: not an ELF file of 32 bits, little-endian")
        try:
            self._symbols = self._read(data)
        except (struct.error, IndexError, UnicodeDecodeError) as error:
            raise ElfError(f"{path}: broken: {error}") from None

    @staticmethod
    def _read(data: bytes) -> Dict[str, List[Symbol]]:
        offset, = struct.unpack_from("<I", data, 0x20)
        size, count, _ = struct.unpack_from("<HHH", data, 0x2E)
        sections = [SECTION.unpack_from(data, offset + i * size) for i in range(count)]
        found: Dict[str, List[Symbol]] = {}
        for section in sections:
            if section[1] != SYMTAB:
                continue
            strings = sections[section[6]][4]
            for at in range(section[4], section[4] + section[5], SYMBOL.size):
                name_at, value, length, info, _, where = SYMBOL.unpack_from(data, at)
                if info & 15 not in (OBJECT, FUNCTION) or where == 0:
                    continue
                end = data.index(b"\0", strings + name_at)
                name = CLONE.sub("", data[strings + name_at:end].decode())
                kind = info & 15
                found.setdefault(name, []).append(Symbol(name, value & ~1 if kind == FUNCTION else value, length, kind))
        return found

    def symbol(self, name: str) -> Symbol:
        """By name; ElfError if there is none, or more than one."""
        found = self._symbols.get(name, [])
        if len(found) != 1:
            why = f"{len(found)} symbols are called" if found else "no symbol is called"
            raise ElfError(f"{self.path}: {why} {name}")
        return found[0]

    def names(self) -> List[str]:
        """All names, sorted."""
        return sorted(self._symbols)
