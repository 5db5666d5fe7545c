#!/usr/bin/env python3
"""Run tests in the guest: each NAME is a module beside this one. Prints result lines, and "end" when all are done.

    main.py NAME …
    main.py attach        plug the first board in, for a shell
"""
# SPDX-License-Identifier: MIT
import importlib
import os
import re
import sys
import time
import traceback

import lib


def play(module, test):
    """Run one test. False: it failed."""
    name = f"vm {module} {test.__doc__.strip().splitlines()[0]}"
    begin = time.monotonic()
    try:
        said = test()
    except lib.Skip as skip:
        print(f"skip {name}: {skip}", flush=True)
    except Exception as error:  # whatever it was, the others go on
        lib.log(traceback.format_exc())
        lib.daemons_show()
        print(f"not ok {name}: {type(error).__name__}: {' '.join(str(error).split())[:500]}", flush=True)
        return False
    else:
        print(f"ok {name} ({f'{said}; ' if said else ''}{time.monotonic() - begin:.0f} s)", flush=True)
    return True


def host():
    """is the one that was asked for"""
    found = re.search(r"Debian (\S+)", os.uname().version)
    lib.check(found and found[1] == os.environ["KERNEL"], f"{os.uname().version} is not {os.environ['KERNEL']}")
    return f"Linux {os.uname().release}, Debian's {found[1]}"


def main(names):
    if names == ["attach"]:
        board = lib.Board().attach().lease()
        print(f"{board.name} {board.own}, board {board.address}")
        return
    play("host", host)
    for name in names:
        for test in importlib.import_module(name).TESTS:
            if not play(name, test) and test.__name__ == "begin":
                break
        while lib.Board.attached:
            lib.Board.attached[0].detach()
    print("end", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
