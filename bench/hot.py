#!/usr/bin/env python3
"""Where a function spends its instructions: its disassembly with counts.

    build/bench/bench --only echo_1472x8 IMAGE.elf build/bench/hot
    bench/hot.py IMAGE.elf build/bench/hot/profile-linux-echo_1472x8.txt [--per N] [FUNCTION ...]

Counts are divided by N (default 1): say how many datagrams there were. Without a function: the twenty hottest.
"""
# SPDX-License-Identifier: MIT
import argparse
import re
import subprocess

HEAD = re.compile(r"^([0-9a-f]+) <(.+)>:$")
CODE = re.compile(r"^\s*([0-9a-f]+):\s")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("image")
    parser.add_argument("counts")
    parser.add_argument("functions", nargs="*")
    parser.add_argument("--per", type=float, default=1)
    options = parser.parse_intermixed_args()
    with open(options.counts, encoding="utf-8") as file:
        counts = {int(line.split()[0], 16): int(line.split()[1]) for line in file}
    text = subprocess.run(["arm-none-eabi-objdump", "-d", "--no-show-raw-insn", options.image], check=True,
                          capture_output=True, text=True).stdout
    functions, lines = {}, None
    for line in text.splitlines():
        if match := HEAD.match(line):
            lines = functions.setdefault(match[2], [])
        elif lines is not None and (match := CODE.match(line)):
            lines.append((counts.get(int(match[1], 16), 0) / options.per, line))
    totals = {name: sum(count for count, _ in lines) for name, lines in functions.items()}
    for name in options.functions:
        print(f"{totals.get(name, 0):10.1f}  {name}")
        for count, line in functions.get(name, []):
            print(f"{count:10.2f}  {line}" if count else f"{'':10}  {line}")
    if not options.functions:
        for name in sorted(totals, key=totals.get, reverse=True)[:20]:
            print(f"{totals[name]:10.1f}  {name}")


main()
