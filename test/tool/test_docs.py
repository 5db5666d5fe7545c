#!/usr/bin/env python3
"""The documents name only tests that exist: each `name` in a table's column that is headed by "test". Their Python compiles, and
figures of docs/console.md's table that README has, too, are README's.

    test/tool/test_docs.py

Prints "ok NAME" and "not ok NAME: why" lines (tool/suites.py).
"""
# SPDX-License-Identifier: MIT
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DOCUMENTS = ("docs/hosts.md", "docs/http.md", "docs/ownstack.md", "docs/security.md", "docs/websocket.md")
# TEST(name) of the unit tests, {"name", …} of the system tests' tables.
DEFINED = re.compile(r'\bTEST\((\w+)\)|^\s*\{"(\w+)",', re.M)

# Rows of docs/console.md's table, and README's rows that have the same figures, in their order; the last ones of a cell.
CONSOLE_ROWS = {
    "echo 1472 B, 8 outstanding": ("echo 1472 B, 8 outstanding, a second", "echo 1472 B, 8 outstanding, instructions each"),
    "TCP up": ("TCP up (iperf), bytes/ms", "TCP up (iperf), instructions a byte"),
    "TCP down": ("TCP down (iperf), bytes/ms", "TCP down (iperf), instructions a byte"),
    "HTTP GET /": ("HTTP GET /, eager, instructions a byte",),
}
FIGURES_OFF_MAX = 0.02


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


def numbers(cell):
    return [float(word.replace(",", "")) for word in re.findall(r"\d[\d,]*\.?\d*", cell)]


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def row_numbers(text, name, column):
    """The numbers in a column of the first table's row that begins so."""
    return numbers(cells(re.search(rf"^\| {re.escape(name)} \|.*$", text, re.M)[0])[column])


def console_wrong():
    """What docs/console.md says of a board without a console, and README otherwise."""
    console, readme, wrong = read("docs/console.md"), read("README.md"), []
    for name, pieces in CONSOLE_ROWS.items():
        said = row_numbers(console, name, 1)[-len(pieces):]
        wanted = [row_numbers(readme, piece, 1)[0] for piece in pieces]
        if any(abs(a - b) > FIGURES_OFF_MAX * b for a, b in zip(said, wanted)):
            wrong.append(f"{name}: {said}, README has {wanted}")
    return wrong


def pages_python():
    """(page, error or None) of each block of Python."""
    for page in sorted(os.listdir(os.path.join(ROOT, "docs"))):
        for block in re.findall(r"^```python\n(.*?)^```$", read(f"docs/{page}") if page.endswith(".md") else "", re.M | re.S):
            try:
                compile(block, page, "exec")
                yield page, None
            except SyntaxError as error:
                yield page, error


def say(name, wrong):
    print(f"not ok {name}: {'; '.join(wrong)}" if wrong else f"ok {name}")
    return 1 if wrong else 0


def main():
    defined, failed = names_defined(), 0
    python = list(pages_python())
    failed |= say("Python of the guides", [f"{page}: {error}" for page, error in python if error] if python else ["there is none"])
    failed |= say("figures of docs/console.md that README has", console_wrong())
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
