"""Flash and RAM of a firmware image by room: size.py OBJECT_FOLDER IMAGE.elf [--json]

Flash is code, constants and the first values of data as linked (what garbage collection dropped does not
count), without the bytes of the page (room "site"); RAM is data and bss; what is reserved for stack and heap is counted
apart. So are the images of others (foreign_sizes). Taken from the image's lines and symbols; what has neither (texts,
padding) is "constants". Below it, what the images beside this one come to.
SPDX-License-Identifier: MIT
"""
import glob
import json
import os
import re
import struct
import subprocess
import sys

FLASH = (".guard", ".text", ".data", ".crc")
RAM = (".data", ".bss")
RESERVES = (".stack",)
RAM_ADDRESSES = (0x10000000, 0x40000000)  # of a Cortex-M: code below, peripherals above
FLASH_ADDRESSES = (0x08000000, 0x10000000)
SUFFIX = re.compile(r"\.(lto_priv|isra|constprop|part|cold)\b.*$|\.\d+$")
TOOL = "arm-none-eabi-"


def room_of_source(path):
    """The room of a source file named by debug information; None where there is none."""
    if not path or path.startswith("??"):
        return None
    if "/lwip" in path and "/src/" in path:
        return "lwip"
    path = os.path.relpath(path)
    parts = path.split("/")
    if path.startswith("..") or len(parts) < 2:
        return "libc"
    return "site" if "site" in parts[:-1] else "app" if parts[0] == "examples" else parts[0]


def rooms_of_code(elf, begin, end):
    """The room of each halfword of code, in order; None where no line is known."""
    addresses = "".join(f"{address:#x}\n" for address in range(begin, end, 2))
    lines = subprocess.run([TOOL + "addr2line", "-e", elf], input=addresses, check=True, capture_output=True,
                           text=True).stdout.splitlines()
    return [room_of_source(line.rpartition(":")[0]) for line in lines]


def rooms_by_name(folder):
    """Names that objects define, to the room that the object is in; names of two rooms are left out."""
    objects = [os.path.join(base, name) for base, _, names in os.walk(folder) for name in names if name.endswith(".o")]
    text = subprocess.run([TOOL + "readelf", "-sW", *sorted(objects)], check=True, capture_output=True,
                          text=True).stdout
    rooms, room = {}, None
    for line in text.splitlines():
        if line.startswith("File: "):
            room = line[6 + len(folder) + 1:].split("/")[0]
        words = line.split()
        if len(words) == 8 and words[3] in ("FUNC", "OBJECT") and words[6] != "UND":
            name = SUFFIX.sub("", words[7])
            rooms[name] = room if rooms.get(name, room) == room else None
    return rooms


def symbols_of(folder, elf):
    """Every symbol with a size: (address, size, room), the room by the objects' own symbol tables."""
    by_name = rooms_by_name(folder)
    text = subprocess.run([TOOL + "nm", "-S", "-n", elf], check=True, capture_output=True, text=True).stdout
    symbols = []
    for line in text.splitlines():
        words = line.split()
        if len(words) == 4:
            address = int(words[0], 16) & (~1 if words[2] in "tTW" else ~0)
            symbols.append((address, int(words[1], 16), by_name.get(SUFFIX.sub("", words[3])) or "libc"))
    return symbols


def parts_of(folder, elf):
    """Every piece of the image: (output section, address, size, room). Code is told by its source line, which
    holds through inlining and link-time optimisation; data by its symbol. What has neither is padding and texts."""
    parts = []
    symbols = symbols_of(folder, elf)
    for output, begin, size, _ in addresses_of(elf):
        end = begin + size
        code = output in (".guard", ".text")
        rooms = ["constants" if code else "other"] * ((size + 1) // 2)
        for address, length, room in symbols:
            if begin <= address < end:
                first, last = (address - begin) // 2, (min(address + length, end) - begin + 1) // 2
                rooms[first:last] = [room] * (last - first)
        if code:
            rooms = [by_line or room for by_line, room in zip(rooms_of_code(elf, begin, end), rooms)]
        at = 0
        for i in range(1, len(rooms) + 1):
            if i == len(rooms) or rooms[i] != rooms[at]:
                last = min(begin + 2 * i, end)
                parts.append((output, begin + 2 * at, last - begin - 2 * at, rooms[at]))
                at = i
    return parts


def addresses_of(elf):
    """(name, address, bytes, has first values) of the image's sections that take memory."""
    with open(elf, "rb") as file:
        image = file.read()
    offset, entry, count, names = struct.unpack_from("<I10xHHH", image, 32)
    heads = [struct.unpack_from("<10I", image, offset + i * entry) for i in range(count)]
    strings = heads[names][4]
    return [(image[strings + head[0]:image.index(b"\0", strings + head[0])].decode(), head[3], head[5], head[1] != 8)
            for head in heads if head[2] & 2]


def sections_of(elf):
    """{name: bytes} of the image's sections that take memory."""
    return {name: size for name, _, size, _ in addresses_of(elf)}


def rooms_of(folder, elf):
    """{room: {"flash": bytes, "ram": bytes}} and the stack's size."""
    rooms = {}
    for output, _, size, room in parts_of(folder, elf):
        entry = rooms.setdefault(room, {"flash": 0, "ram": 0}) if output in FLASH + RAM else {"flash": 0, "ram": 0}
        entry["flash"] += size if output in FLASH else 0
        entry["ram"] += size if output in RAM else 0
    return rooms, sections_of(elf).get(".stack", 0)


def page_of(folder, elf):
    """Bytes of the page: what the packed site's object defines."""
    return sum(size for _, size, room in symbols_of(folder, elf) if room == "site")


def totals_of(elf):
    """(flash without the page, RAM) of an image that stands in its objects' folder, without asking what is whose."""
    sections = sections_of(elf)
    flash, ram = (sum(sections.get(name, 0) for name in names) for names in (FLASH, RAM))
    return flash - page_of(os.path.dirname(elf), elf), ram


# The files of lwIP's web server, as its makefsdata names them; others' pages are found by the same kind of name.
FOREIGN_PAGE = re.compile(r"^data_+\w*_(html?|shtml|css|js|json|xml|txt|gif|png|jpe?g|svg|ico)$")


def foreign_sizes(elf):
    """{"flash", "ram", "reserves", "page"} of any image, counted as ours are, by addresses instead of our sections'
    names: flash without the page, RAM without what sections of stack and heap reserve."""
    sizes = {"flash": 0, "ram": 0, "reserves": 0, "page": 0}
    for name, address, size, filled in addresses_of(elf):
        ram = RAM_ADDRESSES[0] <= address < RAM_ADDRESSES[1]
        reserve = re.search("stack|heap", name) is not None
        sizes["reserves" if reserve else "ram"] += size if ram else 0
        sizes["flash"] += size if filled and not reserve and (ram or FLASH_ADDRESSES[0] <= address) else 0
    text = subprocess.run([TOOL + "nm", "-S", elf], check=True, capture_output=True, text=True).stdout
    for words in map(str.split, text.splitlines()):
        if len(words) == 4 and words[2] in "rRdD" and FOREIGN_PAGE.match(words[3]):
            sizes["page"] += int(words[1], 16)
    sizes["flash"] -= sizes["page"]
    return sizes


def sizes_of(folder, elf):
    """All figures of an image as one dictionary. Raises ValueError when the pieces don't add up."""
    rooms, stack = rooms_of(folder, elf)
    sections = sections_of(elf)
    total = {kind: sum(entry[kind] for entry in rooms.values()) for kind in ("flash", "ram")}
    for kind, names in (("flash", FLASH), ("ram", RAM)):
        linked = sum(sections.get(name, 0) for name in names)
        if linked != total[kind]:
            raise ValueError(f"{elf}: {kind} is {linked} bytes, but the pieces add up to {total[kind]}")
    unknown = [name for name, size in sections.items() if size and name not in FLASH + RAM + RESERVES]
    if unknown:
        raise ValueError(f"{elf}: sections that nobody counts: {' '.join(unknown)}")
    page = page_of(folder, elf)
    return {"rooms": rooms, "flash": total["flash"] - page, "ram": total["ram"], "page": page, "stack": stack,
            "reserves": sum(sections.get(name, 0) for name in RESERVES)}


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
    print(f"{'all':10} {sizes['flash']:7} {sizes['ram']:7}   without the page; reserves {sizes['reserves']}, "
          f"page {sizes['page']}")
    beside = os.path.join(os.path.dirname(folder) or ".", "*", os.path.basename(elf))
    for path in sorted(glob.glob(beside)):
        with open(path, "rb") as file:
            arm = file.read(20)[18:20] == b"\x28\0"
        if arm:
            flash, ram = totals_of(path)
            print(f"{os.path.basename(os.path.dirname(path)):28} flash {flash:6}   RAM {ram:6}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
