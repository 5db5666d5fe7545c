#!/usr/bin/env python3
"""What the benchmark said of earlier commits: bench/history.json, one line for each that was recorded.

    history.py record BENCH.json [OTHER.json]     add a line for HEAD, or write its line anew (make bench-record)
    history.py compare BENCH.json [OTHER.json]    name what is worse by 1 % or more than the last line; 1: something is

A line has the commit ("+" behind it: with changes that were not committed), its date, the compiler, and every row's figure by
flavour. Figures are compared with the last line of the same compiler: virtual time has no noise, so a row that is worse is
worse.
"""
# SPDX-License-Identifier: MIT
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import bench  # noqa: E402

PATH = os.path.join(HERE, "history.json")
WORSE_PERCENT = 1.0


def compiler():
    return subprocess.run([bench.size.TOOL + "gcc", "-dumpfullversion"], check=True, capture_output=True, text=True).stdout.strip()


def git(*words):
    return subprocess.run(["git", "-C", HERE, *words], check=True, capture_output=True, text=True).stdout.strip()


def read(path=PATH):
    """All records, oldest first."""
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def write(records, path=PATH):
    with open(path, "w", encoding="utf-8") as file:
        file.write("[\n" + ",\n".join(json.dumps(record) for record in records) + "\n]\n")


def record_make(commit, date, version, tables):
    """`tables`: {flavour: bench.table_of(…)}."""
    return {"commit": commit, "date": date, "compiler": version,
            **{flavour: {row: entry["ours"] for row, entry in table.items()} for flavour, table in tables.items()}}


def record_add(records, record):
    """The records with this one last, and no other of its commit."""
    return [old for old in records if old["commit"].rstrip("+") != record["commit"].rstrip("+")] + [record]


def last_of(records, version):
    """The newest record of a compiler; None: there is none."""
    return next((record for record in reversed(records) if record["compiler"] == version), None)


def compare(last, tables, least=WORSE_PERCENT):
    """({flavour: {row: percent}} of rows that are worse by `least` percent or more, the same of those that are better so)."""
    worse, better = {}, {}
    for flavour, table in tables.items():
        for row, entry in table.items():
            old = last.get(flavour, {}).get(row)
            if old is None:
                continue
            loss = 100.0 if entry["ours"] is None else bench.percent_worse(entry["unit"], old, entry["ours"])
            if abs(loss) >= least:
                (worse if loss > 0 else better).setdefault(flavour, {})[row] = loss
    return worse, better


def worse_lines(last, tables, worse):
    """A line for each row that is worse."""
    for flavour, rows in worse.items():
        for row, loss in rows.items():
            entry = tables[flavour][row]
            yield (f"{bench.FLAVOURS[flavour]}: {entry['row']}: {bench.number(last[flavour][row], entry['unit'])} -> "
                   f"{bench.number(entry['ours'], entry['unit'])} {entry['unit']}".rstrip() + f", {loss:.1f} % worse")


def compare_print(records, tables, version):
    """How many rows are worse than in the last record."""
    last = last_of(records, version)
    if last is None:
        print(f"\nhistory: nothing is recorded of compiler {version} (make bench-record)")
        return 0
    worse, better = compare(last, tables)
    count = sum(map(len, worse.values()))
    print(f"\nsince {last['commit']} of {last['date'][:10]}, rows that differ by {WORSE_PERCENT:g} % or more: {count} worse, "
          f"{sum(map(len, better.values()))} better")
    for line in worse_lines(last, tables, worse):
        print("  " + line)
    return count


def main(argv):
    if len(argv) < 2 or argv[0] not in ("record", "compare"):
        print(__doc__, file=sys.stderr)
        return 2
    tables, version = {}, None
    for path in filter(os.path.exists, argv[1:]):
        with open(path, encoding="utf-8") as file:
            figures = json.load(file)
        tables[figures["image"].rpartition("-")[2]] = bench.table_of(figures)
        version = figures["compiler"]
    if not tables:
        print(f"history.py: no such file: {' '.join(argv[1:])} (make bench)", file=sys.stderr)
        return 1
    if argv[0] == "compare":
        return 1 if compare_print(read(), tables, version) else 0
    changed = [line for line in git("status", "--porcelain", "-uno").splitlines() if not line.endswith("bench/history.json")]
    commit = git("rev-parse", "--short=12", "HEAD") + ("+" if changed else "")
    write(record_add(read(), record_make(commit, git("show", "-s", "--format=%cI", "HEAD"), version, tables)))
    print(f"history.py: {commit}: {', '.join(bench.FLAVOURS[flavour] for flavour in tables)} in {os.path.relpath(PATH)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
