#!/usr/bin/env python3
"""Each file of the tree has an SPDX line, or is covered by REUSE.toml; each line there covers some file.

    tool/check_licences.py [--root FOLDER]

Prints "ok NAME" and "not ok NAME: why" lines (tool/suites.py).
"""
# SPDX-License-Identifier: MIT
import argparse
import os
import re
import subprocess
import sys

LINE = re.compile(r"^.{0,120}SPDX-License-Identifier: MIT\b")
LINES = 40  # from the top, in which it stands


def files_of(root):
    """Those of the repository, with new ones that it doesn't ignore."""
    done = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=root, check=True,
                          capture_output=True, text=True)
    return sorted(path for path in set(done.stdout.split("\0")) if path and os.path.isfile(os.path.join(root, path)))


def patterns_of(root):
    """Paths of the annotations that name a licence. * stays in a folder, ** goes down."""
    with open(os.path.join(root, "REUSE.toml"), encoding="utf-8") as file:
        tables = file.read().split("[[annotations]]")[1:]
    for table in tables:
        if "SPDX-License-Identifier" in table:
            yield from re.findall(r'"([^"]+)"', re.search(r"^path = (.*?)^\w", table + "\nx", re.MULTILINE | re.DOTALL)[1])


def expression_of(pattern):
    parts = [".*" if part == "**" else "[^/]*" if part == "*" else re.escape(part) for part in re.split(r"(\*\*|\*)", pattern)]
    return re.compile("".join(parts) + r"\Z")


def has_line(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return any(LINE.match(line) for _, line in zip(range(LINES), file))


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default=os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    root = parser.parse_args(argv).root
    patterns = {pattern: expression_of(pattern) for pattern in patterns_of(root)}
    used, wrong = set(), []
    for path in files_of(root):
        if has_line(os.path.join(root, path)):
            continue
        covering = [pattern for pattern, expression in patterns.items() if expression.match(path)]
        used.update(covering)
        if not covering:
            wrong.append(f"{path}: no SPDX line, and REUSE.toml doesn't cover it")
    wrong += [f"REUSE.toml: {pattern} covers no file" for pattern in patterns if pattern not in used]
    for why in wrong:
        print(f"not ok licences: {why}")
    if not wrong:
        print("ok licences")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
