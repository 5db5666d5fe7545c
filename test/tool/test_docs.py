#!/usr/bin/env python3
"""The documents name only tests that exist: each `name` in a table's column that is headed by "test".

    test/tool/test_docs.py

Prints "ok NAME" and "not ok NAME: why" lines (tool/suites.py).
"""
# SPDX-License-Identifier: MIT
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DOCUMENTS = ("docs/hosts.md", "docs/http.md", "docs/ownstack.md", "docs/websocket.md")
# TEST(name) of the unit tests, {"name", …} of the system tests' tables.
DEFINED = re.compile(r'\bTEST\((\w+)\)|^\s*\{"(\w+)",', re.M)


def names_defined():
    names = set()
    for folder, _, files in os.walk(os.path.join(ROOT, "test")):
        for name in files:
            if name.endswith(".c"):
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    names.update(a or b for a, b in DEFINED.findall(file.read()))
    return names


def cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def names_used(text):
    """(line number, name) of each test that a table names in its column "test …"."""
    column = None
    for number, line in enumerate(text.split("\n"), 1):
        if not line.startswith("|"):
            column = None
        elif column is None:
            heads = [i for i, cell in enumerate(cells(line)) if cell.startswith("test")]
            column = heads[0] if heads else -1
        elif column >= 0:
            for name in re.findall(r"`(\w+)`", cells(line)[column]):
                yield number, name


def main():
    defined, failed = names_defined(), 0
    for document in DOCUMENTS:
        with open(os.path.join(ROOT, document), encoding="utf-8") as file:
            used = list(names_used(file.read()))
        missing = [f"line {number} names {name}" for number, name in used if name not in defined]
        if missing or not used:
            failed = 1
            print(f"not ok tests named in {document}: " + ("; ".join(missing) or "none are named"))
        else:
            print(f"ok tests named in {document} ({len(used)})")
    return failed


if __name__ == "__main__":
    sys.exit(main())
