#!/usr/bin/env python3
"""The system as a user meets it: the firmware behind a forwarded port, asked by curl and shown by Chromium.

    test/browser/run.py [arm] [native] [blackpill-f411 …] [--http | --page | --update] [--only NAME]
    test/browser/run.py --url http://localhost:8080/ [--control PATH]     something that runs already

Screenshots go to build/screenshots. Prints "ok NAME", "not ok NAME: why" and "skip NAME: why" (tool/suites.py).
"""
# SPDX-License-Identifier: MIT
import argparse
import os
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import board  # noqa: E402
import http_tests  # noqa: E402
import page_tests  # noqa: E402
import update_tests  # noqa: E402
import webdriver  # noqa: E402

SHOTS = os.path.join(board.ROOT, "build", "screenshots")
FAILURES = (AssertionError, OSError, ValueError, KeyError, IndexError, TypeError, subprocess.SubprocessError,
            board.BoardError, webdriver.BrowserError)


class Report:
    def __init__(self, only):
        self.only, self.failed = only, 0

    def run(self, name, test, subject, always=False):
        if self.only and self.only not in name and not always:
            return True
        try:
            test(subject)
            print(f"ok {name}", flush=True)
            return True
        except page_tests.Skip as why:
            print(f"skip {name}: {why}", flush=True)
            return True
        except FAILURES as error:
            self.fail(name, f"{type(error).__name__} {' '.join(str(error).split())[:600]}")
            return False

    def fail(self, name, why):
        self.failed += 1
        print(f"not ok {name}: {why}", flush=True)


def http_run(report, name, one):
    if not shutil.which("curl"):
        print(f"skip http {name}: curl is not installed (package curl)")
        return
    for title, test in http_tests.TESTS:
        report.run(f"http {name}: {title}", test, one)


def page_run(report, name, one, kind="page", tests=page_tests):
    package = webdriver.missing()
    if package:
        print(f"skip {kind} {name}: Chromium can't be driven (package {package})")
        return
    try:
        with webdriver.Browser() as browser:
            page = page_tests.Page(browser, one, SHOTS, name)
            for title, test in tests.TESTS:
                opens = title == "opens"
                if not report.run(f"{kind} {name}: {title}", test, page, always=opens) and opens:
                    break
    except FAILURES as error:
        report.fail(f"{kind} {name}", f"{type(error).__name__} {error}")


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"{', '.join(board.TARGETS)} (default: all)")
    parser.add_argument("--url")
    parser.add_argument("--control", metavar="PATH", help="with --url: its control socket")
    parser.add_argument("--http", action="store_true", help="only the tests with curl")
    parser.add_argument("--page", action="store_true", help="only the tests with Chromium")
    parser.add_argument("--update", action="store_true", help="only the tests of new firmware by the page")
    parser.add_argument("--only", metavar="NAME", help="only tests with this in their name")
    options = parser.parse_args(argv)
    wrong = [target for target in options.targets if target not in board.TARGETS]
    if wrong:
        parser.error(f"no target is called {wrong[0]!r}")
    report = Report(options.only)
    targets = [None] if options.url else options.targets or list(board.TARGETS)
    for target in targets:
        name = target or "url"
        if target and target.endswith("freertos") and not os.environ.get("FREERTOS_KERNEL_PATH"):
            print(f"skip page {target}: FREERTOS_KERNEL_PATH is not set")
            continue
        absent = target and board.missing(target)
        if absent:
            report.fail(f"{name}", f"{absent} is not built")
            continue
        try:
            url = options.url.rstrip("/") + "/" if options.url else None
            with board.Board(target, url, options.control) as one:
                if options.update:
                    page_run(report, name, one, "update", update_tests)
                    continue
                if not options.page:
                    http_run(report, name, one)
                if not options.http:
                    page_run(report, name, one)
        except FAILURES as error:
            report.fail(f"{name}: starts", str(error))
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
