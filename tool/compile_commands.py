"""compile_commands.json from the dry run of a build: make -Bnk firmware | compile_commands.py > FILE

SPDX-License-Identifier: MIT
"""
import json
import os
import shlex
import sys


def main():
    entries = []
    for line in sys.stdin:
        try:
            words = shlex.split(line)
        except ValueError:
            continue
        if not words or not words[0].endswith(("gcc", "g++", "clang", "cc")) or "-c" not in words:
            continue
        source = words[words.index("-c") + 1]
        entries.append({"directory": os.getcwd(), "file": source, "arguments": words})
    json.dump(entries, sys.stdout, indent=1)
    print()


main()
