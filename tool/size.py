"""Flash and RAM of a firmware image by room: size.py OBJECT_FOLDER IMAGE.elf [--json]

Flash is code, constants and the first values of data as linked (what garbage collection dropped does not
count); RAM is data and bss, the stack apart. Taken from the linker map beside the image. The page's bytes
(room "site") are shown apart, too. SPDX-License-Identifier: MIT
"""
import json
import re
import sys

FLASH = (".guard", ".text", ".data")
RAM = (".data", ".bss")
LINE = re.compile(r"^ (\.[\w.\-$]+|COMMON|\*fill\*)?\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)(?:\s+(\S.*))?$")


def room_of(path, folder):
    """The room of an object file: its first folder below the build folder, or the library it came from."""
    if path.startswith(folder + "/"):
        return path[len(folder) + 1:].split("/")[0]
    return "libc" if ".a(" in path or path.endswith(".o") else "other"


def rooms_of(folder, elf):
    """{room: {"flash": bytes, "ram": bytes}} and the stack's size."""
    with open(elf[:-4] + ".map", encoding="utf-8") as file:
        text = file.read().split("Linker script and memory map", 1)[1]
    rooms, output, room, stack = {}, None, "other", 0
    joined = re.sub(r"\n (\.[\w.\-$]+)\n\s+0x", r"\n \1 0x", text)
    joined = re.sub(r"\n(\.[\w.\-$]+)\n\s+0x", r"\n\1 0x", joined)
    for line in joined.splitlines():
        head = re.match(r"^(\.[\w.\-$]+)\s+0x[0-9a-f]+\s+0x([0-9a-f]+)", line)
        if head:
            output, room = head.group(1), "other"
            if output == ".stack":
                stack = int(head.group(2), 16)
            continue
        if line and not line.startswith(" "):
            output = None
        part = LINE.match(line)
        if not part or output not in FLASH + RAM:
            continue
        size = int(part.group(3), 16)
        if part.group(4):
            room = room_of(part.group(4), folder)
        elif part.group(1) != "*fill*":
            continue
        entry = rooms.setdefault(room, {"flash": 0, "ram": 0})
        entry["flash"] += size if output in FLASH else 0
        entry["ram"] += size if output in RAM else 0
    return rooms, stack


def main():
    folder, elf = sys.argv[1].rstrip("/"), sys.argv[2]
    rooms, stack = rooms_of(folder, elf)
    total = {kind: sum(entry[kind] for entry in rooms.values()) for kind in ("flash", "ram")}
    page = rooms.get("site", {"flash": 0})["flash"]
    if "--json" in sys.argv:
        print(json.dumps({"rooms": rooms, "flash": total["flash"], "ram": total["ram"], "page": page,
                          "stack": stack}))
        return
    print(f"{elf}\n{'room':10} {'flash':>7} {'RAM':>7}")
    for room, entry in sorted(rooms.items(), key=lambda item: -item[1]["flash"]):
        print(f"{room:10} {entry['flash']:7} {entry['ram']:7}")
    print(f"{'all':10} {total['flash']:7} {total['ram']:7}   without the page {total['flash'] - page}, stack {stack}")


main()
