"""Flash and RAM of a firmware image by room: size.py OBJECT_FOLDER IMAGE.elf [--json]

Flash is code, constants and the first values of data as linked (what garbage collection dropped does not
count); RAM is data and bss, the stack apart. Taken from the linker map beside the image, and compared with the
section sizes in the image itself. The page's bytes (room "site") are shown apart, too.
SPDX-License-Identifier: MIT
"""
import json
import re
import struct
import sys

FLASH = (".guard", ".text", ".data")
RAM = (".data", ".bss")
LINE = re.compile(r"^ (?:\.[\w.\-$]+|COMMON)\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)\s+(\S.*)$")
HEAD = re.compile(r"^(\.[\w.\-$]+)\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)")


def room_of(path, folder):
    """The room of an object file: its first folder below the build folder, or the library it came from."""
    if path.startswith(folder + "/"):
        return path[len(folder) + 1:].split("/")[0]
    return "libc" if ".a(" in path or path.endswith(".o") else "other"


def parts_of(folder, elf):
    """Every piece of the image: (output section, address, size, room). Padding belongs to the piece before it;
    a piece ends where the next one begins (the map lists strings as they were before they were merged)."""
    with open(elf[:-4] + ".map", encoding="utf-8") as file:
        text = file.read().split("Linker script and memory map", 1)[1]
    text = re.sub(r"\n (\.[\w.\-$]+)\n\s+0x", r"\n \1 0x", text)
    text = re.sub(r"\n(\.[\w.\-$]+)\n\s+0x", r"\n\1 0x", text)
    sections, pieces = [], None
    for line in text.splitlines():
        head, part = HEAD.match(line), LINE.match(line)
        if line and not line.startswith(" "):
            pieces = []
            if head and head.group(1) in FLASH + RAM + (".stack",):
                begin, length = (int(head.group(i), 16) for i in (2, 3))
                sections.append((head.group(1), begin, begin + length, pieces))
        elif part and pieces is not None and int(part.group(2), 16):
            pieces.append((int(part.group(1), 16), room_of(part.group(3), folder)))
    parts = []
    for output, begin, end, pieces in sections:
        pieces = sorted(pieces, key=lambda piece: piece[0]) + [(end, "")]
        if end > begin and pieces[0][0] > begin:
            parts.append((output, begin, pieces[0][0] - begin, "other"))
        parts += [(output, address, pieces[i + 1][0] - address, room) for i, (address, room) in enumerate(pieces[:-1])]
    return parts


def sections_of(elf):
    """{name: bytes} of the image's sections that take memory."""
    with open(elf, "rb") as file:
        image = file.read()
    offset, entry, count, names = struct.unpack_from("<I10xHHH", image, 32)
    heads = [struct.unpack_from("<10I", image, offset + i * entry) for i in range(count)]
    strings = heads[names][4]
    return {image[strings + head[0]:image.index(b"\0", strings + head[0])].decode(): head[5]
            for head in heads if head[2] & 2}


def rooms_of(folder, elf):
    """{room: {"flash": bytes, "ram": bytes}} and the stack's size."""
    rooms = {}
    for output, _, size, room in parts_of(folder, elf):
        entry = rooms.setdefault(room, {"flash": 0, "ram": 0}) if output in FLASH + RAM else {"flash": 0, "ram": 0}
        entry["flash"] += size if output in FLASH else 0
        entry["ram"] += size if output in RAM else 0
    return rooms, sections_of(elf).get(".stack", 0)


def sizes_of(folder, elf):
    """All figures of an image as one dictionary. Raises ValueError when map and image don't agree."""
    rooms, stack = rooms_of(folder, elf)
    sections = sections_of(elf)
    total = {kind: sum(entry[kind] for entry in rooms.values()) for kind in ("flash", "ram")}
    for kind, names in (("flash", FLASH), ("ram", RAM)):
        linked = sum(sections.get(name, 0) for name in names)
        if linked != total[kind]:
            raise ValueError(f"{elf}: {kind} is {linked} bytes, but the map's pieces add up to {total[kind]}")
    unknown = [name for name, size in sections.items() if size and name not in FLASH + RAM + (".stack",)]
    if unknown:
        raise ValueError(f"{elf}: sections that nobody counts: {' '.join(unknown)}")
    page = rooms.get("site", {"flash": 0})["flash"]
    return {"rooms": rooms, "flash": total["flash"], "ram": total["ram"], "page": page, "stack": stack}


def main():
    if len(sys.argv) < 3:
        print(__doc__.splitlines()[0], file=sys.stderr)
        return 2
    folder, elf = sys.argv[1].rstrip("/"), sys.argv[2]
    try:
        sizes = sizes_of(folder, elf)
    except (OSError, ValueError) as error:
        print(f"size.py: {error}", file=sys.stderr)
        return 1
    if "--json" in sys.argv:
        print(json.dumps(sizes))
        return 0
    print(f"{elf}\n{'room':10} {'flash':>7} {'RAM':>7}")
    for room, entry in sorted(sizes["rooms"].items(), key=lambda item: -item[1]["flash"]):
        print(f"{room:10} {entry['flash']:7} {entry['ram']:7}")
    print(f"{'all':10} {sizes['flash']:7} {sizes['ram']:7}   without the page {sizes['flash'] - sizes['page']}, "
          f"stack {sizes['stack']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
