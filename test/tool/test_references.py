#!/usr/bin/env python3
"""Tests of tool/check_references.py: good references pass, and each rule refuses what leads nowhere."""
# SPDX-License-Identifier: MIT
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TREE = {
    "docs/facts.md": "# Facts\n\n## A. NCM\n\n### A1 Requests\n### A2 Parameters\n\n## G. Chip\n### Boards\n",
    "DESIGN.md": "# Design\n\n## One loop\n\n## 3 Rooms\n",
    "net/http/http_raw.c": "/* A. */\nint http_poll(void);\n",
    "board/stm/board_vectors.inc": "HANDLER(1, a)\n",
}

# (name, path, text, what the complaint must hold, or None for no complaint)
CASES = [
    ("section of facts", "wire/a.h", "/* By facts.md A1, A2 and G. */\n", None),
    ("section that is not there", "wire/a.h", "/* By facts.md A3. */\n", "wire/a.h:1: docs/facts.md has no section A3"),
    ("last of a list", "wire/a.h", "/*\n * By facts.md A1, A2 to A9, and more.\n */\n",
     "wire/a.h:2: docs/facts.md has no section A9"),
    ("list in two lines", "wire/a.h", "/*\n * By facts.md A1,\n * B7.\n */\n", "no section B7"),
    ("section in the next line", "wire/a.h", "/*\n * By facts.md\n * B7.\n */\n", "no section B7"),
    ("facts by no page's name", "wire/a.h", "/* FACTS A1. */\n", "FACTS is no page"),
    ("facts in a string", "wire/a.c", "const char *a = \"FACTS A1\";\n", None),
    ("heading", "wire/a.h", '/* See DESIGN.md, "One loop", and facts.md G, "Boards". */\n', None),
    ("heading that is not there", "wire/a.h", '/* See DESIGN.md, "Two loops". */\n', 'no heading "Two loops"'),
    ("heading of facts", "wire/a.h", '/* See facts.md G, "Pins". */\n', 'no heading "Pins"'),
    ("numbered section", "wire/a.h", "/* DESIGN section 3. */\n", None),
    ("numbered section that is not there", "wire/a.h", "/* (DESIGN section 6) */\n", "DESIGN.md has no section 6"),
    ("section of an RFC", "wire/a.h", "/* RFC 9112 section 9.6. */\n", None),
    ("page that is not there", "wire/a.h", "/* See docs/plan.md section 2. */\n", "there is no file docs/plan.md"),
    ("file", "wire/a.h", "/* See net/http/http_raw.c, board_vectors.inc and http_raw.c. */\n", None),
    ("file that is not there", "wire/a.h", "/* see vectors.inc in its folder */\n", "wire/a.h:1: there is no file vectors.inc"),
    ("file in another folder", "wire/a.h", "/* see usb/http_raw.c */\n", "there is no file usb/http_raw.c"),
    ("file in code", "wire/a.c", '#include "gone.h"\n', None),
    ("page in capitals", "bench/a.py", '"""Rows of PEERS.md."""\n', "there is no file PEERS.md"),
    ("placeholder", "wire/a.h", "/* test/vm/NAME.c makes NAME.o */\n", None),
    ("others' file", "wire/a.h", "/* linux/usb/cdc.h, stm32f407xx.h, lwip/opt.h, stdint.h */\n", None),
    ("docstring", "tool/a.py", '"""Reads gone.c."""\nx = "other.c"\n', "tool/a.py:1: there is no file gone.c"),
    ("docstring of a function", "tool/a.py", 'def f():\n    """Reads gone.c."""\n', "tool/a.py:2: there is no file gone.c"),
    ("comment of python", "tool/a.py", 'x = 1  # see gone.c\ny = "# gone.h"\n', "tool/a.py:1: there is no file gone.c"),
    ("comment of make", "a.mk", "# As gone.mk does.\nX := gone.c\n", "a.mk:1: there is no file gone.mk"),
    ("document", "docs/a.md", "Read `net/gone.c`.\n", "docs/a.md:1: there is no file net/gone.c"),
    ("link beside", "docs/a.md", "Read [facts.md](facts.md) and [design](../DESIGN.md).\n", None),
    ("history", "CHANGELOG.md", "net/gone.c is gone.\n", None),
    ("function", "wire/a.h", "/* http_poll() does it. */\n", None),
    ("function that is not there", "wire/a.h", "/* http_gone() does it. */\n", "there is no http_gone()"),
]


def check(path, text):
    with tempfile.TemporaryDirectory() as root:
        for name, content in {**TREE, path: text}.items():
            os.makedirs(os.path.dirname(os.path.join(root, name)), exist_ok=True)
            with open(os.path.join(root, name), "w", encoding="utf-8") as file:
                file.write(content)
        done = subprocess.run([sys.executable, os.path.join(ROOT, "tool", "check_references.py"), "--root", root],
                              text=True, stdout=subprocess.PIPE, timeout=60)
    return done.returncode, [line for line in done.stdout.split("\n") if line.startswith("not ok")], done.stdout


def main():
    failed = 0
    for name, path, text, wanted in CASES:
        code, complaints, said = check(path, text)
        good = code == (1 if complaints else 0) and said.count("ok references") == len(complaints) + (
            4 - len({line.split(": ")[1] for line in complaints}))
        good = good and (len(complaints) == 1 and wanted in complaints[0] if wanted else not complaints)
        failed += not good
        print(f"ok check_references: {name}" if good else f"not ok check_references: {name}: it said {complaints}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
