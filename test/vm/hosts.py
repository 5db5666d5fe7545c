#!/usr/bin/env python3
"""Which hosts met the board: the long table of lists on each kernel, and docs/hosts.md's table of what ran.

    test/vm/hosts.py --run [KERNEL …]     run the long table on these kernels (default all), and write what came of it into the table
    test/vm/hosts.py --write              write what the last ./check and the last --run said into the table
    test/vm/hosts.py --check              each row of ./check's is what its suite's log says, and each pinned version is in the table

A row that no log is there for stays as it is. Prints "ok NAME" and "not ok NAME: why" lines (tool/suites.py).
"""
# SPDX-License-Identifier: MIT
import ast
import os
import re
import shlex
import subprocess
import sys

from kernels import KERNELS

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
DOCUMENT = os.path.join(ROOT, "docs", "hosts.md")
LOGS = os.path.join(ROOT, "build", "test", "logs")        # of ./check
LONG_LOGS = os.path.join(ROOT, "build", "vm", "hosts")    # of --run
BEGIN, END = "<!-- begin hosts -->", "<!-- end hosts -->"
HEAD = "| host | version | plugged in by | lists | result | ran in |\n|---|---|---|---|---|---|\n"
# Each kernel's long table: the place (run.py --redir; "": USB/IP) and the lists of one guest.
LONG = [("", "bind two"), ("", "cycles chapter9 usbtest"), ("", "web dhcp load"), ("", "names managers"), ("hub", "redir crash"),
        ("uhci", "bind brief")]
# Lists whose lines come from outside the guest: the last one of each.
TESTS = {"crash": ["vm crash the next guest gets the board"], "boot": ["vm ipxe chain-loads a script from the board"]}
PLACES = {"": "USB/IP", "xhci": "usbredir, xHCI", "hub": "usbredir, a hub at xHCI", "uhci": "usbredir, UHCI"}


def suites_read():
    """(suite, place, lists) of each suite of ./check with the STM32F4DISCOVERY's image in a guest."""
    with open(os.path.join(ROOT, "test", "suites.txt"), encoding="utf-8") as file:
        for line in file:
            found = re.search(r"name=(vm-\S+).* test/vm/(run\.py|ipxe\.py)(.*)", line)
            if not found or "--elf" in line or "--image" in line:
                continue
            words = shlex.split(found[3])
            options = {word: words[i + 1] for i, word in enumerate(words) if word.startswith("--")}
            lists = [word for word in words if not word.startswith("--") and word not in options.values()]
            yield found[1], "xhci" if found[2] == "ipxe.py" else options.get("--redir", ""), " ".join(lists) or "boot"


def tests_of(name):
    """How the lines of a list's tests begin, behind "ok"; those that TESTS always has. Read, not run: what the guest imports isn't here."""
    if name in TESTS:
        return TESTS[name]
    with open(os.path.join(HERE, "guest", f"{name}.py"), encoding="utf-8") as file:
        body = ast.parse(file.read()).body
    says = {node.name: ast.get_docstring(node) for node in body if isinstance(node, ast.FunctionDef)}
    tests = next(node.value.elts for node in body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "TESTS")
    return [f"vm {name} {says[test.id].splitlines()[0]}" for test in tests if isinstance(test, ast.Name)]


def ran_whole(text, lists):
    """Each test of the lists has its line."""
    return all(re.search(rf"^(ok|not ok|skip) {re.escape(test)}", text, re.M) for name in lists.split() for test in tests_of(name))


def row(log, place, lists, ran_in):
    """The table's row of a log; None: the log isn't there, no guest came up, or it isn't at its end and nothing has failed yet."""
    try:
        with open(log, encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError:
        return None
    host = re.search(r"^ok vm host .*\((\w+) (\d+\.\d+)\S*, Debian's ([^;]+);", text, re.M)
    if not host:
        return None
    if "\nnot ok " not in text and not ran_whole(text, lists):
        return None
    good, bad, skipped = (len(re.findall(rf"^{word} ", text, re.M)) for word in ("ok", "not ok", "skip"))
    result = f"{bad} of {good + bad} fail" if bad else "all pass"
    return f"| {host[1]} {host[2]} | {host[3]} | {PLACES[place]} | {lists} | {result}{f', {skipped} skipped' if skipped else ''} | {ran_in} |"


def long_log(kernel, place, lists):
    return os.path.join(LONG_LOGS, "-".join([kernel, *([place] if place else []), *lists.split()]) + ".log")


def check_rows():
    return [row(os.path.join(LOGS, suite + ".log"), place, lists, f"`./check`, suite `{suite}`")
            for suite, place, lists in suites_read()]


def long_rows():
    return [row(long_log(kernel, place, lists), place, lists, "`make hosts`") for kernel in KERNELS for place, lists in LONG]


def key(line):
    """What names a row: all but version and result."""
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    return cells[0], cells[2], cells[3], cells[5]


def order(line):
    host, by, lists, ran_in = key(line)
    name, number = host.split()
    return name != "Linux", [int(part) for part in number.split(".")], "make" in ran_in, by != PLACES[""]


def document_parts():
    with open(DOCUMENT, encoding="utf-8") as file:
        text = file.read()
    before, rest = text.split(BEGIN, 1)
    table, after = rest.split(END, 1)
    return before, [line for line in table.strip().splitlines()[2:] if line], after


def write():
    before, lines, after = document_parts()
    rows = {key(line): line for line in [*lines, *filter(None, [*check_rows(), *long_rows()])]}
    known = {f"suite `{suite}`" for suite, _, _ in suites_read()}
    kept = [line for line in rows.values() if "make" in key(line)[3] or any(suite in line for suite in known)]
    with open(DOCUMENT, "w", encoding="utf-8") as file:
        file.write(before + BEGIN + "\n\n" + HEAD + "\n".join(sorted(kept, key=order)) + "\n\n" + END + after)


def other_version(line):
    """The row is of a kernel that isn't the pinned one, which is gone."""
    host, version = [cell.strip() for cell in line.strip("|").split("|")][:2]
    return host.startswith("Linux ") and version != KERNELS[host.split()[1]].version


def check():
    _, lines, _ = document_parts()
    for line in filter(other_version, filter(None, check_rows())):
        print(f"skip hosts: not of the pinned version: {line}")
    rows = [line for line in check_rows() if line and not other_version(line)]
    missing = [line for line in rows if line not in lines]
    for line in missing:
        print(f"not ok hosts: docs/hosts.md hasn't this row; test/vm/hosts.py --write writes it: {line}")
    if not rows:
        print("skip hosts: no suite with a guest has a log")
    elif not missing:
        print(f"ok hosts: docs/hosts.md says what {len(rows)} suites' logs say")
    absent = [name for name, kernel in KERNELS.items() if not any(f"| Linux {name} | {kernel.version} |" in line for line in lines)]
    print(f"not ok hosts: docs/hosts.md doesn't name the pinned version of {absent}" if absent
          else "ok hosts: docs/hosts.md names each kernel's pinned version")
    return 1 if missing or absent else 0


def run(kernels):
    os.makedirs(LONG_LOGS, exist_ok=True)
    for kernel in kernels:
        for place, lists in LONG:
            words = [*(["--redir", place] if place else []), "--kernel", kernel, *lists.split()]
            print(f"run.py {' '.join(words)}", flush=True)
            with open(long_log(kernel, place, lists), "w", encoding="utf-8") as log:
                subprocess.run([os.path.join(HERE, "run.py"), *words], stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
            with open(log.name, encoding="utf-8") as log:
                print("".join(f"  {line}" for line in log if line.startswith(("not ok", "skip"))), end="", flush=True)
    write()
    return 1 if any(line and "fail" in line for line in long_rows()) else 0


def main(words):
    if words == ["--write"]:
        return write()
    if words == ["--check"]:
        return check()
    if words[:1] == ["--run"] and all(name in KERNELS for name in words[1:]):
        return run(words[1:] or KERNELS)
    print(__doc__.strip(), file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
