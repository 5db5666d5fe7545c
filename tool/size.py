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
LINE = re.compile(r"^ (\.[\w.\-$]+|COMMON|\*fill\*)?\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)(?:\s+(\S.*))?$")
HEAD = re.compile(r"^(\.[\w.\-$]+)\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)")


def room_of(path, folder):
    """The room of an object file: its first folder below the build folder, or the library it came from."""
    if path.startswith(folder + "/"):
        return path[len(folder) + 1:].split("/")[0]
    return "libc" if ".a(" in path or path.endswith(".o") else "other"


def parts_of(folder, elf):
    """Every piece of the image: (output section, address, size, room, input section or None for padding)."""
    with open(elf[:-4] + ".map", encoding="utf-8") as file:
        text = file.read().split("Linker script and memory map", 1)[1]
    text = re.sub(r"\n (\.[\w.\-$]+)\n\s+0x", r"\n \1 0x", text)
    text = re.sub(r"\n(\.[\w.\-$]+)\n\s+0x", r"\n\1 0x", text)
    parts, output, end, room = [], None, 0, "other"
    for line in text.splitlines():
        head, part = HEAD.match(line), LINE.match(line)
        if line and not line.startswith(" "):
            gap_close(parts, output, end, room)
            output = head.group(1) if head else None
            begin, size = (int(head.group(i), 16) for i in (2, 3)) if head else (0, 0)
            end, room = begin + size, "other"
        elif output and part and part.group(4) and int(part.group(3), 16):
            room = room_of(part.group(4), folder)
            parts.append((output, int(part.group(2), 16), int(part.group(3), 16), room, part.group(1)))
        elif output and part and part.group(1) == "*fill*":
            parts.append((output, int(part.group(2), 16), int(part.group(3), 16), room, None))
    gap_close(parts, output, end, room)
    return parts


def gap_close(parts, output, end, room):
    """What the linker script itself adds at a section's end (". = ALIGN(4)", the stack) goes to the last room."""
    if output and parts and parts[-1][0] == output:
        last = max(part[1] + part[2] for part in parts if part[0] == output)
        if 0 < end - last < 8:
            parts.append((output, last, end - last, room, None))


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
    for output, _, size, room, _ in parts_of(folder, elf):
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
