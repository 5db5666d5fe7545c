"""Run unittest's tests, and write what came of them as JUnit XML.

    python3 -m plugnet_testkit [--junit FILE] [-k PATTERN] [-v] TEST…

TEST is a file, a folder (its test*.py) or a name as unittest takes it. Exit code: 0 all passed, 1 not, or none ran, 2 bad use.
"""
# SPDX-License-Identifier: MIT
import sys

from .runner import main

if __name__ == "__main__":
    sys.exit(main())
