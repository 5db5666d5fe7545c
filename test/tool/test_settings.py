#!/usr/bin/env python3
"""The C of docs/settings.md is a product's: put together, it compiles without a warning.

    test/tool/test_settings.py

Prints "ok NAME", "not ok NAME: why" or "skip NAME: why" lines (tool/suites.py).
"""
# SPDX-License-Identifier: MIT
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NAME = "the C of docs/settings.md"
FLAGS = ["-std=gnu11", "-fsyntax-only", "-Wall", "-Wextra", "-Wno-unused-function", "-Werror", "-I.", "-Inet", "-Ios/none",
         "-isystem", "build/lwip/src/include", "-x", "c", "-"]


def main():
    with open(os.path.join(ROOT, "docs/settings.md"), encoding="utf-8") as file:
        blocks = re.findall(r"^```c\n(.*?)^```$", file.read(), re.M | re.S)
    # Each function is a product's own; what it would be called by is not shown.
    if len(blocks) < 5:
        print(f"not ok {NAME}: {len(blocks)} blocks found")
        return 1
    if not os.path.exists(os.path.join(ROOT, "build/lwip/src/include/lwip/init.h")):
        print(f"skip {NAME}: lwIP is not there; make fetches it")
        return 0
    done = subprocess.run(["gcc", *FLAGS], cwd=ROOT, text=True, input="\n".join(blocks), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    if done.returncode:
        error = next((line for line in done.stdout.split("\n") if "error" in line), done.stdout)
        print(f"not ok {NAME}: {error.strip()}")
        return 1
    print(f"ok {NAME} ({len(blocks)} blocks)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
