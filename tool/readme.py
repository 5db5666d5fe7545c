#!/usr/bin/env python3
"""Fill in the README's generated parts, or check what can be checked without a benchmark.

    tool/readme.py                  write figures from build/bench.json (examples/meter's README and docs/freertos.md have
                                    some, too), the table of boards from the logs of the system tests, and the example
                                    from examples/minimal; draw the picture of sizes (tool/chart.py)
    tool/readme.py --check          the example is the file's, every link leads to a file, nothing is left to fill in
    tool/readme.py --check-boards   the table of boards is what the system tests' logs say

Whether the figures are those of this tree only the benchmark knows: bench/check_bench.py runs it, and asks
figures_wrong() here. The table of boards is checked after all other suites; a row whose tests didn't run since its
image was built is neither checked nor changed.

Generated parts stand between "<!-- begin NAME -->" and "<!-- end NAME -->". With --check it prints "ok NAME" and
"not ok NAME: why" lines (tool/suites.py).
"""
# SPDX-License-Identifier: MIT
import argparse
import json
import math
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tool"))
import chart  # noqa: E402
import size  # noqa: E402

README = os.path.join(ROOT, "README.md")
METER_README = os.path.join(ROOT, "examples", "meter", "README.md")
EXAMPLE = os.path.join(ROOT, "examples", "minimal", "main.c")
BENCH = os.path.join(ROOT, "build", "bench.json")
FREERTOS_BENCH = os.path.join(ROOT, "build", "bench-stm32f4discovery-freertos.json")
FREERTOS_GUIDE = os.path.join(ROOT, "docs", "freertos.md")
LOGS = os.path.join(ROOT, "build", "test", "logs")
METER_UNITS = {"B/ms": ", bytes/ms", "ms": ", ms", "/s": ", a second", "": ""}
OWNSTACK_UNITS = {"bytes": ", bytes", "ms": ", ms", "/s": ", eager, a second", "instructions": ", eager, instructions each"}
WIRE = 1216  # bytes/ms: 19 packets of 64 bytes in a frame


def example_read():
    """The example's code without its opening comment and licence line."""
    with open(EXAMPLE, encoding="utf-8") as file:
        text = file.read()
    return "```c\n" + text.split("SPDX-License-Identifier: MIT */\n", 1)[1].strip() + "\n```"


def number(value):
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 or float(value).is_integer() else f"{value:g}"


def row_find(bench, row, key):
    return next(item["ours"] for item in bench["rows"] if item["row"] == row and item["key"] == key)


def promises_make(bench):
    attach = row_find(bench, "attach to HTTP 200", "http_ms")
    down = row_find(bench, "TCP down (iperf)", "bytes_ms")
    up = row_find(bench, "TCP up (iperf)", "bytes_ms")
    size = bench["size"]
    asleep = row_find(bench, "CPU asleep when idle", "asleep_percent")
    lines = [
        f"- **At once.** {number(round(attach))} ms from plugging in to the first HTTP 200; no driver to install, nothing to configure.",
        f"- **As fast as the wire.** TCP carries {number(round(down))} payload bytes/ms to the PC and {number(round(up))} "
        f"from it, of {number(WIRE)} that a full-speed bus can carry at all.",
        f"- **Small and calm.** {kilo(size['flash'])} kB of flash without the page's bytes and {kilo(size['ram'])} kB of RAM "
        f"(data + bss; {kilo(size['reserves'])} kB more are reserved for the stack), lwIP and every server included; the CPU "
        f"sleeps {asleep:g} % of the time; no heap.",
    ]
    return "\n".join(lines)


def kilo(value):
    return f"{value / 1000:.1f}"


def behind_make(bench):
    """A sentence for each peer that is known to do better somewhere, after the table."""
    rows = {name: [row for row in bench["rows"] if name in row["worse_than"]] for name in bench["rows"][0]["peers"]}
    said = {name: "; ".join(f"{row['row']} {behind_figures(row, name)}" for row in found)
            for name, found in rows.items() if found}
    return "\n".join(f"Where {name} does better today: {text}." for name, text in said.items())


def behind_figures(row, name):
    ours, theirs = row["ours"], row["peers"][name]
    if row["unit"] == "bytes":
        return f"({kilo(ours)} kB, {kilo(theirs)} kB there: {kilo(ours - theirs)} kB more)"
    return f"({number(ours)} {row['unit']}, {number(theirs)} there)"


def figures_make(bench):
    peers = list(bench["rows"][0]["peers"])
    lines = [f"| | plugnet | {' | '.join(peers)} |", "|---|--:|" + "--:|" * len(peers)]
    names = {"instructions_each": ", instructions each", "instructions_byte": ", instructions a byte",
             "per_second": ", a second", "bytes_ms": ", bytes/ms", "flash": ", bytes", "ram": ", bytes",
             "reserves": ", bytes", "asleep_percent": ", %"}
    for row in bench["rows"]:
        unit = names.get(row["key"], ", ms")
        lines.append(f"| {row['row']}{unit} | {number(row['ours'])} | "
                     + " | ".join(peer_cell(row, peer) for peer in peers) + " |")
    lines += [f"| examples/meter: {row['row']}{METER_UNITS[row['unit']]} | {number(row['ours'])} |" + " – |" * len(peers)
              for row in bench.get("meter", {"rows": []})["rows"]]
    lines += [f"| examples/ownstack: {row['row']}{OWNSTACK_UNITS[row['unit']]} | {number(row['ours'])} |" + " – |" * len(peers)
              for row in bench.get("ownstack", {"rows": []})["rows"]]
    return "\n".join([*lines, "", f"plugnet's column is `make bench`'s; those of {' and '.join(peers)} are from "
                      f"{bench['source']} ([bench/peers.json](bench/peers.json)).", *filter(None, [behind_make(bench)])])


METER_CARRIES = (  # what, run, and which of its figures
    ("upload", "upload", "up"), ("download of the log", "download", "down"), ("one reader of events", "events_alone", "late"),
    ("the same beside an upload", "events_upload", "up late"), ("the same beside a download", "events_download", "down late"),
    ("six readers beside six that load the page ({pages} a second)", "events6_pages6", "late"),
)


def carries_make(bench):
    """The table of examples/meter's README."""
    lines = ["| | bytes/ms up | bytes/ms down | lateness of samples, 99 % below |", "|---|--:|--:|--:|"]
    for name, key, wanted in METER_CARRIES:
        run = bench["meter"]["runs"][key]
        cells = {"up": number(round(run["up_bytes_ms"])), "down": number(round(run["down_bytes_ms"])),
                 "late": f"{math.ceil(run['late_p99_ms'] * 10) / 10:.1f} ms"}
        lines.append(f"| {name.format(pages=number(round(run['pages_second'])))} |"
                     + "".join(f" {cells[cell]} |" if cell in wanted.split() else " |" for cell in cells))
    return "\n".join(lines)


FREERTOS_ROWS = (  # row and key of the benchmark, unit
    ("echo 18 B, 8 outstanding, eager", "instructions_each", "instructions each"),
    ("echo 1472 B, 8 outstanding", "instructions_each", "instructions each"),
    ("TCP up (iperf)", "instructions_byte", "instructions a byte"),
    ("TCP down (iperf)", "instructions_byte", "instructions a byte"),
    ("HTTP GET /, eager", "instructions_byte", "instructions a byte"),
    ("/api/status, 1 connection, eager", "instructions_answer", "instructions each"),
    ("attach to HTTP 200", "http_ms", "ms"),
    ("flash without the page's bytes", "flash", "bytes"),
    ("RAM, data + bss", "ram", "bytes"),
    ("CPU asleep when idle", "asleep_percent", "%"),
)


def freertos_make(bare, threads):
    """docs/freertos.md's table: the demo's figures in both flavours."""
    lines = ["| the demo on the STM32F4DISCOVERY | bare metal | FreeRTOS | |", "|---|--:|--:|--:|"]
    for name, key, unit in FREERTOS_ROWS:
        here, there = (next(row["ours"] for row in bench["rows"] + bench["more"] if (row["row"], row["key"]) == (name, key))
                       for bench in (bare, threads))
        lines.append(f"| {name}, {unit} | {number(here)} | {number(there)} | {100 * (there / here - 1):+.1f} % |")
    return "\n".join(lines)


def peer_cell(row, peer):
    value, why = row["peers"][peer], row["why"][peer]
    return f"– ({why})" if value is None and why else number(value)


# ---- The table of boards ----

FLAVOURS = {"none": "bare metal", "freertos": "FreeRTOS"}
SUITE = re.compile(r"system-(?:(vboard)|(native)|(\w[\w-]*)-(none|freertos))\.log$")
SAID = re.compile(r"^(ok|not ok) \S+ (\w+)(?:.*?page (\d+) ms after attach)?", re.M)
BOARDS_HEAD = ("| board | flavour | system tests passed | flash without the page, bytes | RAM, data + bss, bytes "
               "| attach to first page, ms |\n"
               "|---|---|--:|--:|--:|--:|")


def board_row(path):
    """((board, flavour), line of the table) by a suite's log; None where its tests didn't run for this image."""
    match = SUITE.search(path)
    board, flavour = ("stm32f4discovery", "none") if match[1] else ("native", "none") if match[2] else match.group(3, 4)
    folder = "-".join((board, flavour))
    image = os.path.join(ROOT, "build", folder, "plugnet.elf")
    if not os.path.exists(image) or os.path.getmtime(image) > os.path.getmtime(path):
        return None
    with open(path, encoding="utf-8", errors="replace") as file:
        said = SAID.findall(file.read())
    passed = sum(kind == "ok" for kind, _, _ in said)
    page = next((ms for _, _, ms in said if ms), None)
    if not said or page is None:
        return None
    flash, ram = ("–", "–") if board == "native" else map(number, size.totals_of(image))
    return (board, FLAVOURS[flavour]), (f"| {board} | {FLAVOURS[flavour]} | {passed} of {len(said)} | {flash} | {ram} "
                                        f"| {page} |")


def boards_measured():
    names = sorted(os.listdir(LOGS)) if os.path.isdir(LOGS) else []
    return dict(filter(None, (board_row(os.path.join(LOGS, name)) for name in names if SUITE.fullmatch(name))))


def boards_written(text):
    part = re.search("<!-- begin boards -->\n(.*?)\n<!-- end boards -->", text, re.S)
    lines = part[1].split("\n")[2:] if part else []
    return {tuple(cell.strip() for cell in line.split("|")[1:3]): line for line in lines}


def boards_make(text):
    """The rows that were measured, and those of README that were not."""
    rows = {**boards_written(text), **boards_measured()}
    order = ["stm32f4discovery", "32l476gdiscovery", "blackpill-f411"]
    place = {key: (key[0] == "native", order.index(key[0]) if key[0] in order else len(order), key) for key in rows}
    return "\n".join([BOARDS_HEAD, *(rows[key] for key in sorted(rows, key=place.get))])


def boards_check(text):
    """Prints a line for each row."""
    written, measured, wrong = boards_written(text), boards_measured(), 0
    for key in {**written, **measured}:
        name = f"readme boards: {' '.join(key)}"
        if key not in measured:
            print(f"skip {name}: its system tests have not run for this image")
        elif measured[key] != written.get(key):
            print(f"not ok {name}: measured {measured[key]!r} (run tool/readme.py)")
            wrong += 1
        else:
            print(f"ok {name}")
    return 1 if wrong else 0


def part_replace(text, name, content):
    pattern = re.compile(f"(<!-- begin {name} -->\n).*?(\n<!-- end {name} -->)", re.S)
    if not pattern.search(text):
        raise SystemExit(f"readme.py: there is no part {name!r}")
    return pattern.sub(lambda match: match[1] + content + match[2], text)


def figures_parts(bench):
    """(file, part, what it should be)."""
    yield README, "promises", promises_make(bench)
    yield README, "figures", figures_make(bench)
    if "meter" in bench:
        yield METER_README, "carries", carries_make(bench)


def figures_wrong(bench):
    """Why the figures are not those of this benchmark; None: they are."""
    for path, name, content in figures_parts(bench):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        if part_replace(text, name, content) != text:
            old, new = text.splitlines(), part_replace(text, name, content).splitlines()
            line = next((b for a, b in zip(old, new) if a != b), "number of lines")
            return (f"{os.path.relpath(path, ROOT)}: {name} differ from the benchmark's, first: {line} "
                    "(make bench && tool/readme.py)")
    return None


def figures_fill():
    """Write the benchmark's figures into their files."""
    if not os.path.exists(BENCH):
        print("readme.py: no build/bench.json, figures stay as they are (make bench)", file=sys.stderr)
        return
    with open(BENCH, encoding="utf-8") as file:
        bench = json.load(file)
    parts = list(figures_parts(bench))
    if os.path.exists(FREERTOS_BENCH):
        with open(FREERTOS_BENCH, encoding="utf-8") as file:
            parts.append((FREERTOS_GUIDE, "freertos", freertos_make(bench, json.load(file))))
    for path, name, content in parts:
        with open(path, encoding="utf-8") as file:
            text = part_replace(file.read(), name, content)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


def readme_fill(text):
    text = part_replace(text, "example", example_read())
    return part_replace(text, "boards", boards_make(text))


def checks(text):
    """(name, why it is wrong or None)."""
    yield "example", None if example_read() in text else "differs from examples/minimal/main.c (run tool/readme.py)"
    links = re.findall(r"\]\(([^)#:]+)\)|(?:src|srcset)=\"([^\":]+)\"", text)
    missing = sorted({a or b for a, b in links if not os.path.exists(os.path.join(ROOT, a or b))})
    yield "links", f"no such file: {', '.join(missing)}" if missing else None
    empty = [name for name, part in re.findall(r"<!-- begin (\w+) -->\n(.*?)<!-- end", text, re.S) if not part.strip()]
    yield "filled in", f"empty: {', '.join(empty)}" if empty else None
    rooms = re.findall(r"^\| `(\w+)/`", text, re.M)
    absent = [room for room in rooms if not os.path.isdir(os.path.join(ROOT, room))]
    yield "rooms", f"no such folder: {', '.join(absent)}" if absent or not rooms else None


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--check-boards", action="store_true")
    options = parser.parse_args(argv)
    with open(README, encoding="utf-8") as file:
        text = file.read()
    if options.check_boards:
        return boards_check(text)
    if not options.check:
        filled = readme_fill(text)
        with open(README, "w", encoding="utf-8") as file:
            file.write(filled)
        figures_fill()
        os.chdir(ROOT)
        chart.fill()
        return 0
    failed = 0
    for name, why in checks(text):
        failed += why is not None
        print(f"not ok readme: {name}: {why}" if why else f"ok readme: {name}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
