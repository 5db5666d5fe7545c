#!/usr/bin/env python3
"""The guest's kernels and the table of hosts: a version that is gone is named, and a row that isn't what ran is found.

    test/tool/test_guest.py

Prints "ok NAME" and "not ok NAME: why" lines (tool/suites.py).
"""
# SPDX-License-Identifier: MIT
import contextlib
import io
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "test", "vm"))
import hosts  # noqa: E402
import prepare  # noqa: E402
from kernels import KERNELS, USUAL  # noqa: E402

# An apt-get that knows one package in one version, and says nothing else.
APT = """#!/bin/sh
case "$*" in
*update*) exit {update} ;;
*print-uris*there=1-1*) exit 0 ;;
*print-uris*) echo "E: not found" >&2; exit 100 ;;
*download*) touch there_1-1_all.deb ;;
esac
"""


def check(condition, why):
    if not condition:
        raise AssertionError(why)


def fetch(update, *packages):
    """Exit code, what was said, the files that came, from fetch.sh with that apt-get."""
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "bin", "apt-get")
        os.mkdir(os.path.dirname(program))
        with open(program, "w", encoding="utf-8") as file:
            file.write(APT.format(update=update))
        os.chmod(program, 0o755)
        done = subprocess.run([os.path.join(ROOT, "test", "vm", "fetch.sh"), os.path.join(folder, "deb"), "trixie", *packages], text=True,
                              capture_output=True, env={**os.environ, "PATH": f"{os.path.dirname(program)}:{os.environ['PATH']}"})
        debs = [name for name in os.listdir(os.path.join(folder, "deb")) if name.endswith(".deb")]
    return done.returncode, done.stdout.strip(), debs


def fetch_what_is_there():
    code, said, debs = fetch(0, "there=1-1")
    check((code, said, debs) == (0, "", ["there_1-1_all.deb"]), f"{code} {said} {debs}")


def fetch_names_what_is_gone():
    code, said, debs = fetch(0, "there=1-1", "other=2-1")
    check((code, said, debs) == (prepare.GONE, "Debian has no other 2-1 any more", []), f"{code} {said} {debs}")
    code, said, debs = fetch(0, "there=1-0")
    check((code, said, debs) == (prepare.GONE, "Debian has no there 1-0 any more", []), f"{code} {said} {debs}")


def fetch_names_lists_that_cant_be_read():
    code, said, _ = fetch(100, "there=1-1")
    check(code == prepare.GONE and "can't read the lists of Debian's trixie" in said, f"{code} {said}")


def usual_kernel_is_replaced_by_the_newest():
    """prepare.py takes the newest where the pinned one is gone; run.py says so in every run."""
    def run(*words, **_):
        if words[0] == "apt-cache":
            return "Depends: linux-image-6.1.0-99-amd64 (= 6.1.999-1)\n"
        if any("=6.1.999-1" in word for word in words) or "update" in words:
            return ""
        raise prepare.Failed("gone")
    kept = prepare.run, prepare.debs_find
    prepare.run, prepare.debs_find = run, lambda *_: []
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            found = prepare.fetch_usual(KERNELS[USUAL])
    finally:
        prepare.run, prepare.debs_find = kept
    check(found == ("6.1.999-1", ["linux-image-6.1.0-99-amd64"], "6.1.0-99-amd64"), f"{found}")


LOG = "ok vm host is the one that was asked for (Linux 5.10.0-32-amd64, Debian's {version}; 0 s)\n" + \
    "".join(f"ok {test} (1 s)\n" for test in hosts.tests_of("bind") + hosts.tests_of("kernel")[:-1]) + "{last}\n"
LAST = hosts.tests_of("kernel")[-1]


def hosts_check(lines, **log):
    """What hosts.py --check says of these rows, with one log of ./check's."""
    with tempfile.TemporaryDirectory() as folder:
        kept = hosts.DOCUMENT, hosts.LOGS
        hosts.DOCUMENT, hosts.LOGS = os.path.join(folder, "hosts.md"), folder
        with open(hosts.DOCUMENT, "w", encoding="utf-8") as file:
            file.write(f"before\n{hosts.BEGIN}\n\n{hosts.HEAD}{lines}\n\n{hosts.END}\nafter\n")
        with open(os.path.join(folder, "vm-kernel-5.10.log"), "w", encoding="utf-8") as file:
            file.write(LOG.format(**log))
        try:
            with contextlib.redirect_stdout(io.StringIO()) as said:
                hosts.check()
        finally:
            hosts.DOCUMENT, hosts.LOGS = kept
    return said.getvalue()


def hosts_rows_are_what_ran():
    version = KERNELS["5.10"].version
    row = f"| Linux 5.10 | {version} | USB/IP | bind kernel | all pass | `./check`, suite `vm-kernel-5.10` |"
    check("ok hosts: docs/hosts.md says what 1" in hosts_check(row, version=version, last=f"ok {LAST} (5 s)"), "the right row is refused")
    check("skip hosts: not of the pinned version" in hosts_check(row, version="5.10.999-1", last=f"ok {LAST}"), "another version")
    wrong = row.replace("USB/IP", "usbredir, xHCI")
    check("not ok hosts: docs/hosts.md hasn't" in hosts_check(wrong, version=version, last=f"ok {LAST}"), "another place")
    check("not ok hosts: docs/hosts.md hasn't" in hosts_check(row, version=version, last=f"not ok {LAST}: no"), "a failure")
    check("skip hosts" in hosts_check(row, version=version, last=""), "a run that isn't at its end counts")
    check("doesn't name the pinned version of ['6.1'" in hosts_check(row, version=version, last=f"ok {LAST}"), "versions without a row")


def main():
    failed = False
    for test in (fetch_what_is_there, fetch_names_what_is_gone, fetch_names_lists_that_cant_be_read,
                 usual_kernel_is_replaced_by_the_newest, hosts_rows_are_what_ran):
        try:
            test()
            print(f"ok {test.__name__}")
        except AssertionError as error:
            print(f"not ok {test.__name__}: {error}")
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
