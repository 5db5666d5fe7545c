#!/usr/bin/env python3
"""Configurations that could only fail later are refused at start, and the log says which rule they break.

    test/config/test_config.py          firmware: make BOARD=native APP=test/config NAME=config

Prints "ok NAME" and "not ok NAME: why" lines (tool/suites.py).
"""
# SPDX-License-Identifier: MIT
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PC = os.path.join(ROOT, "build/pc")
IMAGE = os.path.join(ROOT, "build/native-none-config/config.elf")
# What the log says for the cases whose names begin so; the first that fits.
RULES = (("route: a star", r"\.path: \* at its end"), ("route: two stars", r"\.path: \* at its end"), ("route: method", r"\.methods: TRACE, or HEAD"),
         ("route: header fields", r"\.headers: 8"), ("route: keeps", r"\.query, \.headers: .*HTTP_KEEP_MAX"), ("route: body", r"\.body: \.methods"),
         ("route: upgrade", r"\.upgrade: by GET"), ("route: a path twice", r"\.path: twice"), ("origin: ", r"\.origins: https://host"),
         ("security: ", r"\.security: lines"), ("check: header", r"\.check_headers: .*\.check"), ("check: no", r"\.challenge: .*\.check"),
         ("text: landing", r".*\.landing_url: 258"), ("text", r"\.product, \.manufacturer: 126"), ("vendor", r"\.vendor_id: .*\.product_id"), ("names:", r"\.names: .*3"), ("name ", r"\.name: .*32 letters"),
         ("lease", r"\.lease_s: .*20"), ("subnet", r"\.subnet: .*/29"), ("oui", r"\.oui: "), ("functions: none", r"\.functions, \.services: none"),
         ("services: none", r"\.functions, \.services: none"), ("functions: five", r"\.functions: 4 .PLUGNET_FUNCTIONS_MAX"),
         ("functions: without init", r"\.functions: 4 .*\.init"), ("services: without", r"\.services: 32 with \.start"), ("functions:", r"\.functions: plugnet_ncm once"),
         ("plan: ", r"\.functions: more than fits"), ("service: ", r"no listening PCB .*taken"),
         ("route: no type", r"\.type"), ("route:", r"\.path: /"),
         ("resource: no slash", r"\.path: /"), ("resource:", r"\.type, .*\.body"), ("r", r"\.routes, \.resources: NULL"))
NAMED = {"route: a star inside": "/a*b", "origin: not secure": "http://app.example", "security: LF alone": "X-A: b", "name with a space": "my meter", "route: no slash": "uptime", "resource: no slash": "a.html", "names: four": "d",
         "functions: five": "dfu", "functions: without init": "idle", "services: without start": "silent"}


def play(case):
    """The firmware with this configuration, plugged in for a second of its time."""
    done = subprocess.run([PC, "--fast", "--for", "1", "--spawn", IMAGE], text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, "PLUGNET_CASE": case},
                          timeout=60, check=False)
    return done.returncode, done.stdout


def refused(case):
    code, said = play(case)
    rule = next(pattern for begin, pattern in RULES if case.startswith(begin))
    found = re.search("panic: " + rule + ".*", said)
    assert found and code == 1, f"exit code {code}: {said}"
    if case.startswith("plan: "):
        assert "functions ncm greedy: endpoints one way, with endpoint 0: needed 10, there are 8" in said, said
    elif case.startswith("service: "):
        assert re.search(r"^.*service (dns_tcp|iperf): ", said, re.M), said
    else:
        assert f'"{NAMED.get(case, "")}' in said, said
    assert "attached" not in said, said
    return found[0]


def good(case):
    code, said = play(case)
    assert code == 0 and "leased" in said and "panic" not in said, f"exit code {code}: {said}"
    assert ("landing page" in case) == (".landing_url: not https, left out" in said), said
    return "a lease is taken"


def main():
    names = subprocess.run([IMAGE], text=True, capture_output=True, check=True, timeout=60).stdout.splitlines()
    failed = 0
    for case in names:
        try:
            said = (good if case.startswith("good") else refused)(case)
            print(f"ok config: {case} ({said})")
        except (AssertionError, OSError, subprocess.SubprocessError, StopIteration) as error:
            failed += 1
            print(f"not ok config: {case}: {' '.join(str(error).split())}")
    return 1 if failed or len(names) < 30 else 0


if __name__ == "__main__":
    sys.exit(main())
