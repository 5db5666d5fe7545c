#!/usr/bin/env python3
"""The suite "machine" finds a process that a test left behind, and leaves others' alone.

    test/tool/test_machine.py

Prints "ok NAME" and "not ok NAME: why" lines (tool/suites.py).
"""
# SPDX-License-Identifier: MIT
import os
import signal
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SAYS = "not ok machine as before: processes: left behind: sleep"


def orphan(environment):
    """A process that nobody waits for: its parent has ended."""
    said = subprocess.run(["sh", "-c", "sleep 60 > /dev/null 2>&1 & echo $!"], env=environment, stdout=subprocess.PIPE, check=True)
    return int(said.stdout)


def compared(mark):
    """What is said with one orphan that has this mark, and one without any."""
    ours = {**os.environ, "PLUGNET_CHECK": "test-mark"}
    none = {name: value for name, value in os.environ.items() if name != "PLUGNET_CHECK"}
    with tempfile.TemporaryDirectory() as folder:
        note = os.path.join(folder, "machine.json")
        tool = [os.path.join(ROOT, "tool/machine.py")]
        subprocess.run([*tool, "note", note], env=ours, check=True)
        orphans = [orphan({**none, **mark}), orphan(none)]
        try:
            done = subprocess.run([*tool, "compare", note], env=ours, stdout=subprocess.PIPE, text=True, check=False)
        finally:
            for process in orphans:
                os.kill(process, signal.SIGKILL)
    return [line for line in done.stdout.splitlines() if "processes" in line]


def main():
    failed = 0
    for name, mark, wanted in (("a process left behind is found", {"PLUGNET_CHECK": "test-mark"}, [SAYS]),
                               ("others' processes are theirs", {"PLUGNET_CHECK": "other"}, ["ok machine as before: processes"])):
        said = compared(mark)
        failed += said != wanted
        print(f"ok machine: {name}" if said == wanted else f"not ok machine: {name}: {said}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
