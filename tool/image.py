#!/usr/bin/env python3
"""Update files, and the keys that sign them.

    image.py key FILE                                  make a private key; prints the public one for the product's source
    image.py public FILE                               print the public one again
    image.py pack IMAGE.elf -o OUT.update              what the build makes as NAME.update
    image.py sign --key FILE IMAGE -o OUT.update       the same, signed; IMAGE is an .elf or an .update
    image.py pack --version 1.2.3 IMAGE -o OUT.update  the same code under another version, for tests of an update; sign, too
    image.py show FILE [--public HEX] [--json]         what a file holds, and whether it is whole: .elf, .bin, .dfu, .update

Whoever has the private key can make updates that your boards accept; without it nobody can, you included. Keep it out of the
repository, and keep a second copy. Keys and signatures are Ed25519's, by the program openssl (3.0 or newer). The formats are those
of wire/image.h.
SPDX-License-Identifier: MIT
"""
import argparse
import hashlib
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import zlib

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MAGIC, FORMAT, SIGNED = 0x75506E50, 0x31486E50, 0x31536E50
HEADER = struct.Struct("<5I4H20s32s24s16s8x")  # magic, board, length, format, base, version, pre, product, git, build
BUILD_AT = 104
VECTORS_MAX = 0x400  # bytes; the header stands behind the vector table
TRAILER = struct.Struct("<II64s")
VERSION_AT, VERSION = 20, struct.Struct("<4H20s")  # in the header: three numbers, 0, pre-release
FLASH_MAX = 0x1000000  # a chip's flash begins at a multiple of it, and so does a .bin
SECTIONS = (".text", ".data", ".crc")
DFU_SUFFIX = 16  # bytes
PUBLIC_HEAD = bytes.fromhex("302a300506032b6570032100")  # of an Ed25519 key in DER, RFC 8410 [unread; as openssl 3.0 writes it]

# Semantic Versioning 2.0.0, items 2, 9 and 10.
NUMBER = "(0|[1-9][0-9]*)"
IDENTIFIER = "(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
SEMANTIC = re.compile(rf"{NUMBER}\.{NUMBER}\.{NUMBER}(?:-({IDENTIFIER}(?:\.{IDENTIFIER})*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?")
NUMBER_MAX, PRE_MAX = 0xFFFF, 19  # PRE_MAX: characters

TABLE = []
for _byte in range(256):
    _value = _byte << 24
    for _ in range(8):
        _value = (_value << 1 ^ (0x04C11DB7 if _value >> 31 else 0)) & 0xFFFFFFFF
    TABLE.append(_value)


class Wrong(Exception):
    """What the user gave can't be used; the text says why, and what to do."""


def crc(data):
    """Of bytes whose number is a multiple of 4; words are little-endian, as the core reads them."""
    value = 0xFFFFFFFF
    for (word,) in struct.iter_unpack("<I", data):
        for shift in (24, 16, 8, 0):
            value = (value << 8 & 0xFFFFFFFF) ^ TABLE[value >> 24 ^ (word >> shift & 0xFF)]
    return value


def build_of(image, at):
    """The build ID of an image without its CRC word, whose header stands there."""
    return hashlib.sha256(image[:at + BUILD_AT] + bytes(16) + image[at + BUILD_AT + 16:]).digest()[:16]


def version_of(text):
    """(major, minor, patch, pre-release)."""
    found = SEMANTIC.fullmatch(text)
    if not found:
        raise Wrong(f"version '{text}' is none: three numbers such as 1.2.3, and 1.2.3-rc.1 before it "
                    "(Semantic Versioning 2.0.0; PRODUCT_VERSION for make, VERSION for CMake)")
    *numbers, pre = found.groups()
    if any(int(number) > NUMBER_MAX for number in numbers):
        raise Wrong(f"version '{text}': a number may be {NUMBER_MAX} at most")
    if len(pre or "") > PRE_MAX:
        raise Wrong(f"version '{text}': '{pre}' has {len(pre)} characters, {PRE_MAX} are allowed")
    return (*map(int, numbers), pre or "")


# ---- Reading files. ----

def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise Wrong(f"{path}: {error.strerror}") from None


def write(path, data):
    try:
        with open(path, "wb") as file:
            file.write(data)
    except OSError as error:
        raise Wrong(f"{path}: {error.strerror}") from None


def places_of(elf):
    """{section: (address that it is loaded at, offset in the file, bytes)} of what an ELF file for a 32-bit chip has in flash."""
    if elf[:6] != b"\x7fELF\x01\x01":
        raise Wrong("no ELF file of a 32-bit chip")
    try:
        segments, heads, segment_size, segment_count, head_size, head_count, names = struct.unpack_from("<II6xHHHHH", elf, 28)
        segments = [struct.unpack_from("<8I", elf, segments + i * segment_size) for i in range(segment_count)]
        heads = [struct.unpack_from("<10I", elf, heads + i * head_size) for i in range(head_count)]
        found = {}
        for name, kind, flags, address, offset, size, *_ in heads:
            if kind != 8 and flags & 2 and size:  # it is loaded
                at = heads[names][4] + name
                for _, begin, virtual, physical, filled, *_ in segments:
                    if begin <= offset < begin + filled and virtual <= address:
                        address += physical - virtual
                        break
                found[elf[at:elf.index(b"\0", at)].decode("ascii", "replace")] = address, offset, size
    except (struct.error, IndexError, ValueError):
        raise Wrong("an ELF file that is cut or broken") from None
    if any(offset + size > len(elf) for _, offset, size in found.values()):
        raise Wrong("an ELF file that is cut or broken")
    return found


def laid(elf, names=SECTIONS):
    """Sections of an ELF file as they lie together in flash, zeros between them: (bytes, [(where in these, offset in the file, bytes)])."""
    places = places_of(elf)
    data, parts = bytearray(), []
    for address, offset, size in sorted(places[name] for name in names if name in places):
        begin = parts[0][0] if parts else address
        if not 0 <= address - begin - len(data) < FLASH_MAX:
            raise Wrong("sections that lie in each other")
        data += bytes(address - begin - len(data)) + elf[offset:offset + size]
        parts.append((address, offset, size))
    return data, [(address - parts[0][0], offset, size) for address, offset, size in parts]


def sections(path, *names):
    """The bytes of an ELF file's sections that lie together in flash."""
    try:
        return bytes(laid(read(path), names)[0])
    except Wrong as why:
        raise Wrong(f"{path}: {str(why).removeprefix(path + ': ')}") from None


def header_at(data, end=VECTORS_MAX + 4):
    """Where the header begins; None: there is none. One of an image from before there were such headers counts as well."""
    for at in range(0, min(end, len(data) - 15), 4):
        if struct.unpack_from("<I", data, at)[0] == MAGIC:
            return at
    return None


def has_dfu_suffix(data):
    return data[-8:-4] == b"UFD\x10" and struct.unpack("<I", data[-4:])[0] == zlib.crc32(data[:-4]) ^ 0xFFFFFFFF


def of_bin(data):
    """The image in a file that begins with the guard, whose code has the magic number, too; None: there is none."""
    at = data.find(struct.pack("<I", MAGIC), VECTORS_MAX)
    while at >= 0:
        if at % 4 == 0 and at + HEADER.size <= len(data):
            _, _, _, form, base, *_ = HEADER.unpack_from(data, at)
            begin = base % FLASH_MAX
            if form == FORMAT and 0 < at - VECTORS_MAX <= begin < at:
                return data[begin:]
        at = data.find(struct.pack("<I", MAGIC), at + 1)
    return None


class Image:
    """An image from a file of any kind. Its fields are those of wire/image.h; `bytes` is all before the CRC word."""

    def __init__(self, path):
        data = read(path)
        try:
            self.kind = "elf" if data[:4] == b"\x7fELF" else "dfu" if has_dfu_suffix(data) else "update"
            if self.kind == "elf":
                data = sections(path, *SECTIONS)
            elif self.kind == "dfu":
                data = data[:-DFU_SUFFIX]
            elif (found := of_bin(data)) is not None:
                self.kind, data = "bin", found
            self._header(data)
            self._rest(data)
        except Wrong as why:
            raise Wrong(f"{path}: {str(why).removeprefix(path + ': ')}") from None

    def _header(self, data):
        self.at = header_at(data)
        if self.at is None:
            raise Wrong("no image of ours; an .elf, .bin, .dfu or .update of a board's firmware is one")
        if struct.unpack_from("<I", data, self.at + 12)[0] != FORMAT:
            raise Wrong("an image from before images had product and version; build it anew")
        if self.at + HEADER.size > len(data):
            raise Wrong(f"cut: it ends within the header, after {len(data)} bytes")
        _, self.board, self.length, _, self.base, *numbers, _, pre, product, git, self.build = HEADER.unpack_from(data, self.at)
        self.product, self.git, pre = (text.split(b"\0")[0].decode("ascii", "replace") for text in (product, git, pre))
        self.version = ".".join(map(str, numbers)) + (f"-{pre}" if pre else "")
        if self.length % 4 or self.length < self.at + HEADER.size:
            raise Wrong(f"its header says that it has {self.length} bytes, which can't be")

    def _rest(self, data):
        if len(data) < self.length + 4:
            raise Wrong(f"cut: {len(data)} bytes, and its header says {self.length + 4}")
        self.bytes, rest = data[:self.length], data[self.length + 4:]
        self.crc = struct.unpack_from("<I", data, self.length)[0]
        self.whole = self.crc == crc(self.bytes) and self.build == build_of(self.bytes, self.at)
        self.signature = None
        if self.kind != "bin" and rest:
            kind, zero, signature = TRAILER.unpack(rest) if len(rest) == TRAILER.size and self.kind == "update" else (0, 0, b"")
            if kind != SIGNED or zero:
                raise Wrong(f"{len(rest)} bytes behind the image, which are no signature")
            self.signature = signature

    @property
    def signed_bytes(self):
        """What a signature covers, and what an update file without one is."""
        return self.bytes + struct.pack("<I", self.crc)

    def restamp(self, version):
        """Another version; build ID and CRC follow, a signature is gone."""
        *numbers, pre = version_of(version)
        made = bytearray(self.bytes)
        VERSION.pack_into(made, self.at + VERSION_AT, *numbers, 0, pre.encode())
        made[self.at + BUILD_AT:self.at + BUILD_AT + 16] = build_of(bytes(made), self.at)
        self.bytes, self.crc, self.signature = bytes(made), crc(made), None

    def must_be_whole(self, path):
        if not self.whole:
            raise Wrong(f"{path}: damaged (its CRC or build ID doesn't fit), or linked but never stamped; build it anew")


def board_names():
    """{folder of board/: its ID as the header has it}"""
    folder, found = os.path.join(ROOT, "board"), {}
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        path = os.path.join(folder, name, "board.mk")
        if os.path.isfile(path):
            number = re.search(rb"^BOARD_ID *:= *([0-9a-fA-F]{4}):([0-9a-fA-F]{4})", read(path), re.MULTILINE)
            if number:
                found[name] = int(number[1] + number[2], 16)
    return found


def board_name(number):
    """The folder of board/ that has this ID; None: it isn't one of ours."""
    return next((name for name, one in board_names().items() if one == number), None)


# ---- Keys and signatures: openssl. ----

def openssl(*words, **more):
    """Its output; None: it says no. A private key with a pass phrase is asked for on the terminal."""
    try:
        done = subprocess.run(["openssl", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, **more)
    except FileNotFoundError:
        raise Wrong("the program openssl is missing: apt install openssl") from None
    if b"rawin" in done.stderr or b"Algorithm ed25519 not found" in done.stderr:
        raise Wrong("this openssl is too old for Ed25519: 3.0 or newer is needed")
    return done.stdout if done.returncode == 0 else None


def key_make(path):
    text = openssl("genpkey", "-algorithm", "ed25519")
    if text is None:
        raise Wrong("openssl makes no Ed25519 key; 3.0 or newer is needed")
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Wrong(f"{path} is there already, and a key that is overwritten is lost; name another file") from None
    except OSError as error:
        raise Wrong(f"{path}: {error.strerror}") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(text)


def key_public(path):
    """The 32 bytes of the public key of a private one."""
    text = read(path)
    der = openssl("pkey", "-in", path, "-pubout", "-outform", "DER")
    if der is None or len(der) != 44 or not der.startswith(PUBLIC_HEAD):
        kind = "a public key" if b"PUBLIC KEY" in text else "no key that openssl can read" if der is None else "a key of another kind"
        raise Wrong(f"{path}: {kind}; an Ed25519 private key in PEM is needed, as \"image.py key FILE\" makes it")
    return der[len(PUBLIC_HEAD):]


def sign(path, data):
    read(path)
    with tempfile.TemporaryDirectory() as folder:
        message = os.path.join(folder, "message")
        write(message, data)
        signature = openssl("pkeyutl", "-sign", "-inkey", path, "-rawin", "-in", message)
    if signature is None or len(signature) != 64:
        key_public(path)  # says what is wrong with it
        raise Wrong(f"{path}: openssl doesn't sign with it")
    return signature


def signature_fits(public, data, signature):
    with tempfile.TemporaryDirectory() as folder:
        names = [os.path.join(folder, name) for name in ("key", "message", "signature")]
        for name, text in zip(names, (PUBLIC_HEAD + public, data, signature)):
            write(name, text)
        return openssl("pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", names[0], "-rawin", "-in", names[1],
                       "-sigfile", names[2]) is not None


def public_given(text):
    """The 32 bytes that a user writes as hex; colons, spaces and 0x between them are none."""
    digits = re.sub(r"0x|[\s:,]", "", text)
    if not re.fullmatch("[0-9a-fA-F]{64}", digits):
        raise Wrong("--public: 64 hexadecimal digits are a public key, as \"image.py public FILE\" prints them")
    return bytes.fromhex(digits)


def public_told(public):
    lines = ["    " + ", ".join(f"0x{byte:02x}" for byte in public[i:i + 8]) + "," for i in range(0, 32, 8)]
    return "\n".join([public.hex(), "", "static const uint8_t update_key[32] = {", *lines, "};"])


# ---- Commands. ----

def update_file(image, key=None):
    data = image.signed_bytes
    return data + (TRAILER.pack(SIGNED, 0, sign(key, data)) if key else b"")


def command_key(given):
    key_make(given.file)
    print(public_told(key_public(given.file)))


def command_public(given):
    print(public_told(key_public(given.file)))


def command_pack(given):
    image = Image(given.file)
    image.must_be_whole(given.file)
    if given.version is not None:
        image.restamp(given.version)
    write(given.output, update_file(image, getattr(given, "key", None)))


def told(image, signature):
    name = board_name(image.board)
    return {"kind": image.kind, "product": image.product, "version": image.version, "board": name,
            "board_id": f"{image.board >> 16:04x}:{image.board & 0xFFFF:04x}", "base": f"0x{image.base:08X}",
            "length": image.length, "build": image.build.hex(), "git": image.git or None, "crc": f"0x{image.crc:08X}",
            "whole": image.whole, "signed": image.signature is not None, "signature": signature}


def command_show(given):
    image = Image(given.file)
    public = public_given(given.public) if given.public else None
    signature = None
    if public is not None:
        signature = "none" if image.signature is None else \
            "good" if signature_fits(public, image.signed_bytes, image.signature) else "wrong"
    facts = told(image, signature)
    if given.json:
        print(json.dumps(facts))
    else:
        checked = {None: "not checked: --public names the key", "none": "none",
                   "good": "good, by this key", "wrong": "WRONG: by another key, or of another image"}[signature]
        print(f"{image.product} {image.version}\n"
              f"  board      {facts['board'] or 'none of plugnet itself'} ({facts['board_id']})\n"
              f"  base       {facts['base']}, {image.length} bytes\n"
              f"  build      {facts['build']}\n"
              f"  git        {image.git or 'not built in a checkout'}\n"
              f"  CRC        {facts['crc']}, {'good' if image.whole else 'WRONG: the image is damaged'}\n"
              f"  signature  {checked if image.signature is not None or public else 'none'}")
    return 0 if image.whole and signature in (None, "good") else 1


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, function, what, file in (
            ("key", command_key, "make a private key", "FILE"),
            ("public", command_public, "print the public key of a private one", "FILE"),
            ("pack", command_pack, "make an update file without a signature", "IMAGE"),
            ("sign", command_pack, "make a signed update file", "IMAGE"),
            ("show", command_show, "what a file holds", "FILE")):
        command = commands.add_parser(name, help=what, description=what)
        command.set_defaults(function=function)
        command.add_argument("file", metavar=file)
        if name == "sign":
            command.add_argument("--key", required=True, metavar="FILE", help="the private key")
        if name in ("pack", "sign"):
            command.add_argument("-o", dest="output", required=True, metavar="OUT.update")
            command.add_argument("--version", metavar="1.2.3", help="another version than it was built as: for tests of an update")
        if name == "show":
            command.add_argument("--public", metavar="HEX", help="check the signature by this public key")
            command.add_argument("--json", action="store_true", help="for programs")
    given = parser.parse_args(argv)
    try:
        return given.function(given) or 0
    except Wrong as why:
        print(f"image: {why}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
