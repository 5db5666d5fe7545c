#!/usr/bin/env python3
"""The console's example where it doesn't fit: a board with three IN endpoints besides 0 stops at start, and the log has the
arithmetic; the one with five, and a Linux process, show both functions.

    test/console/test_console.py          images: make images

Prints "ok NAME", "not ok NAME: why" and "skip NAME: why" lines (tool/suites.py).
"""
# SPDX-License-Identifier: MIT
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
REFUSED = (r"\[usart2\] functions ncm dfu console: IN endpoints, with endpoint 0: needed 5, there are 4\n"
           r".*\[usart2\] panic: \.functions: more than fits\n")
SHOWN = r"enumerated 1209:0008 Example Console\n(.*\n)*.* leased, board "
CASES = (("stm32f4discovery", "none", REFUSED), ("blackpill-f411", "none", REFUSED), ("32l476gdiscovery", "none", SHOWN),
         ("32l476gdiscovery", "freertos", SHOWN), ("native", "none", SHOWN))


def play(board, flavour, pattern):
    image = os.path.join(ROOT, "build/test/console", f"{board}-{flavour}", "console.elf")
    command = ["build/vboard/vboard", "--board", board, "--fast", "--for", "5", image]
    if board == "native":
        command = ["build/pc", "--fast", "--for", "5", "--spawn", image]
    done = subprocess.run(command, cwd=ROOT, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=600, check=False)
    found = re.search(pattern, done.stdout)
    assert found, f"exit code {done.returncode}: {done.stdout.strip().splitlines()[-4:]}"
    assert (pattern is SHOWN) == ("attached" in done.stdout), "a pull-up, though it was refused"
    return found[0].strip().splitlines()[0].strip()


def main():
    failed = 0
    for case in CASES:
        name = f"console: {case[0]}, {case[1]}"
        if case[1] == "freertos" and not os.environ.get("FREERTOS_KERNEL_PATH"):
            print(f"skip {name}: FREERTOS_KERNEL_PATH is not set")
            continue
        try:
            print(f"ok {name} ({play(*case)})")
        except (AssertionError, OSError, subprocess.SubprocessError) as error:
            failed += 1
            print(f"not ok {name}: {' '.join(str(error).split())}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
