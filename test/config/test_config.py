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
# What the log says for the cases whose names begin so; the first that fits. It is the whole text.
RULES = (
    ("vendor function", r"vendor_config\.guid: \{8-4-4-4-12 hex digits\}, your own"),
    ("port: ", r"acm\.config: \.ring_size a power of 2, \.out 4-aligned, \.out_size whole packets"),
    ("vendor", r"\.vendor_id: needs \.product_id"),
    ("name ", r"\.name: 1 to 32 letters, digits, inner hyphens"),
    ("names: four", r"\.names: more than PLUGNET_NAMES_MAX of plugnet_options\.h, 3"),
    ("names: 64", r"\.names: longer than 63 or HTTP_TEXT_MAX"),
    ("names:", r"\.names: letters, digits, inner hyphens; single dots between"),
    ("text: product", r"\.product: longer than 126 characters"),
    ("text: manufacturer", r"\.manufacturer: longer than 126 characters"),
    ("text: landing", r"\.landing_url: longer than 258 characters"),
    ("lease", r"\.lease_s: below 20"),
    ("subnet: not its base", r"\.subnet: not the base of a /29, its last 3 bits aren't 0"),
    ("subnet", r"\.subnet: not a unicast network"),
    ("oui of a group", r"\.oui: multicast, bit 0 of its first byte"),
    ("oui, locally", r"\.oui: locally administered, bit 1 of its first byte"),
    ("functions: none", r"\.functions: none; PLUGNET_DEFAULT_FUNCTIONS"),
    ("functions: without the network", r"\.functions: plugnet_ncm is missing"),
    *((f"functions: {case}", r"\.functions: listed twice, or two with the same state") for case in ("the network", "a vendor", "two")),
    ("functions: lame", r"\.functions: \.describe, \.configured, \.alternate_set or \.alternate_get is missing"),
    ("functions: deaf", r"\.functions: \.halted or \.transferred is missing; endpoints need them"),
    ("functions: mute", r"\.functions: \.control is missing; \.device_requests needs it"),
    ("functions: five", r"\.functions: more than PLUGNET_FUNCTIONS_MAX of plugnet_options\.h, 4"),
    ("functions: without init", r"\.functions: \.init is missing"),
    ("services: none", r"\.services: none; PLUGNET_DEFAULT_SERVICES"),
    ("services: without start", r"\.services: \.start is missing; it may just return NULL"),
    *((f"services: {case}", r"\.services: listed twice") for case in ("DNS", "one's own")),
    ("services: 33", r"\.services: more than 32"),
    ("plan: ", r"\.functions: more than fits"),
    ("service: ", r"no listening PCB \(MEMP_NUM_TCP_PCB_LISTEN of plugnet_options\.h\), or the port is taken"),
    *((f"{kind}: {case}", r"\.path: must begin with a slash") for kind in ("route", "resource") for case in ("no slash", "no path", "empty path")),
    ("route: a query", r"\.path: without \? and #; \.query asks for a route's query"),
    ("route: a fragment", r"\.path: without \? and #; \.query asks for a route's query"),
    ("route: path of 64", r"\.path: longer than HTTP_TEXT_MAX of plugnet_options\.h, 63"),
    ("route: no type", r"\.type: missing; \.output needs it, or a \.head that puts Content-Type"),
    ("route: a star", r"\.path: \* at its end only"),
    ("route: two stars", r"\.path: \* at its end only"),
    ("route: method TRACE", r"\.methods: HTTP_TRACE can't be served"),
    ("route: method HEAD", r"\.methods: HTTP_HEAD needs HTTP_GET"),
    ("route: header fields", r"\.headers: more than 8"),
    ("route: keeps", r"\.query, \.headers, \.check_headers, \*: raise HTTP_KEEP_MAX of plugnet_options\.h, 28"),
    ("route: body", r"\.body: \.methods name none that has a body"),
    ("route: upgrade", r"\.upgrade: \.methods must be HTTP_GET alone"),
    ("route: a path twice", r"\.path: twice; one route serves all its \.methods"),
    ("routes: none", r"\.routes: NULL, but \.route_count isn't 0"),
    ("resources: none", r"\.resources: NULL, but \.resource_count isn't 0"),
    ("resource: no type", r"\.type: missing, of a resource"),
    ("resource: no body", r"\.body: NULL, but \.length isn't 0"),
    ("origin: 64", r"\.origins: longer than HTTP_TEXT_MAX of plugnet_options\.h, 63"),
    ("origin: ", r"\.origins: https://host\[:port\], no slash behind it"),
    ("security: LF", r"\.security: a line's end isn't \\r\\n"),
    ("security: no end", r"\.security: a line's end isn't \\r\\n"),
    ("security: no", r'\.security: a line without "Name:"'),
    ("check: header fields alone", r"\.check_headers: \.check is missing"),
    ("check: header fields, nine", r"\.check_headers: more than 8"),
    ("check: no", r"\.challenge: needed by \.check"))
NAMED = {"route: a star inside": "/a*b", "route: no type": "/a", "origin: not secure": "http://app.example", "security: LF alone": "X-A: b",
         "name with a space": "my meter", "route: no slash": "uptime", "resource: no slash": "a.html", "names: four": "d",
         "functions: five": "dfu", "functions: the network twice": "ncm", "functions: a vendor function twice": "vendor",
         "functions: two with one state": "vendor", "functions: lame": "own", "functions: deaf": "own", "functions: mute": "own",
         "functions: without init": "idle", "services: without start": "silent", "services: 33": "hum",
         "services: DNS twice": "dns", "services: one's own twice": "early"}

EMPTY = ("name of nothing", "route: empty path", "resource: empty path")  # the text in question has no characters

PLANS = {"plan: too many endpoints": "functions ncm greedy: IN endpoints, with endpoint 0: needed 10, there are 8",
         "plan: too long descriptors": "functions ncm vendor vendor: USB_CONTROL_MAX of plugnet_options.h: needed 366, there are 256"}


def play(case):
    """The firmware with this configuration, plugged in for a second of its time."""
    done = subprocess.run([PC, "--fast", "--for", "1", "--spawn", IMAGE], text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, "PLUGNET_CASE": case},
                          timeout=60, check=False)
    return done.returncode, done.stdout


def refused(case):
    code, said = play(case)
    rule = next(pattern for begin, pattern in RULES if case.startswith(begin))
    found = re.search(f"panic: ({rule})$", said, re.M)
    assert found and code == 1, f"exit code {code}: {said}"
    if case.startswith("plan: "):
        assert PLANS[case] in said, said
    elif case.startswith(("vendor function: ", "port: ")):
        assert "plugnet_config" not in said, said
    elif case.startswith("service: "):
        assert re.search(r"^.*service (dns_tcp|iperf): ", said, re.M), said
    else:
        assert f'"{NAMED.get(case, "")}' in said or case not in NAMED, said
        assert ('plugnet_config: ""' in said) == (case in EMPTY), said
    assert "attached" not in said, said
    return found[0]


def good(case):
    code, said = play(case)
    assert code == 0 and "leased" in said and "panic" not in said, f"exit code {code}: {said}"
    assert ("landing page" in case) == (".landing_url: not https, left out" in said), said
    return "a lease is taken"


def texts_missing(said):
    """Texts of plugnet_check.c that no case has brought about, as far as a number or a quote in them."""
    with open(os.path.join(ROOT, "plugnet/plugnet_check.c"), encoding="utf-8") as file:
        texts = re.findall(r'"(\.[a-z][^"\\]*)', file.read())
    return [text for text in texts if "left out" not in text and "panic: " + text not in said]


def main():
    names = subprocess.run([IMAGE], text=True, capture_output=True, check=True, timeout=60).stdout.splitlines()
    failed, all_said = 0, ""
    for case in names:
        try:
            said = (good if case.startswith("good") else refused)(case)
            all_said += said + "\n"
            print(f"ok config: {case} ({said})")
        except (AssertionError, OSError, subprocess.SubprocessError, StopIteration) as error:
            failed += 1
            print(f"not ok config: {case}: {' '.join(str(error).split())}")
    missing = texts_missing(all_said)
    failed += len(missing)
    print(f"not ok config: texts without a case: {missing}" if missing else "ok config: each text has a case")
    return 1 if failed or len(names) < 30 else 0


if __name__ == "__main__":
    sys.exit(main())
