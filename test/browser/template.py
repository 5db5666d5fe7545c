#!/usr/bin/env python3
"""The page of a product that tool/new-product makes, in Chromium: state, settings, and new firmware by its card, whose script is plugnet's
own.

    test/browser/template.py [NAME]                 image: make image-pump

Prints "ok NAME", "not ok NAME: why" and "skip NAME: why" (tool/suites.py).
"""
# SPDX-License-Identifier: MIT
import os
import sys
import tempfile

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.dirname(os.path.abspath(__file__)), os.path.join(ROOT, "testkit")]
import run  # noqa: E402
import webdriver  # noqa: E402
from plugnet_testkit import Board, BoardDied, VirtualTimeout, update_file  # noqa: E402

PUMP = os.path.join(ROOT, "build/test/pump/pump.elf")
WAIT_S = 120


class Page:
    """The browser, and the board, which goes by itself."""

    def __init__(self, browser, url):
        self.browser, self.url = browser, url

    def says(self, selector, *words):
        self.browser.wait(lambda: all(word in self.browser.text(selector) for word in words), WAIT_S,
                          f"{selector} to say {words}, not {self.browser.text(selector)!r}")

    def choose(self, version):
        with tempfile.NamedTemporaryFile(suffix=".update") as file:
            file.write(update_file(PUMP, version))
            file.flush()
            self.browser.keys("#fw-file", file.name)
            self.browser.wait(lambda: self.browser.text("#fw-note") not in ("", "Sending."), WAIT_S, "anything of the upload")
            self.browser.wait(lambda: not self.browser.run("return document.querySelector('#fw-file').disabled"), WAIT_S, "its end")


def test_opens(page):
    page.browser.look(700, False)
    page.browser.open(page.url)
    page.says("#board", "STM32F4DISCOVERY")
    page.says("#fw-installed", "pump 1.0.0")
    page.says("#fw-trust", "takes files without a signature")
    page.browser.screenshot(os.path.join(run.SHOTS, "template.png"))


def test_older_version(page):
    page.choose("0.9.0")
    page.says("#fw-note", "older")
    assert page.browser.run("return document.querySelector('#fw-install').hidden")


def test_new_version(page):
    page.choose("1.1.0")
    page.says("#fw-note", "1.1.0", "is ready")
    page.says("#fw-staged", "pump 1.1.0")
    page.browser.click("#fw-install")
    page.browser.wait(lambda: page.browser.run("return document.querySelector('#fw-ask').open"), WAIT_S, "the question")
    page.says("#fw-what", "pump 1.1.0")
    page.browser.screenshot(os.path.join(run.SHOTS, "template-ask.png"))
    page.browser.click("#fw-ask button[value=go]")
    page.says("#fw-note", "1.1.0", "runs.")
    page.says("#fw-installed", "pump 1.1.0")
    page.browser.screenshot(os.path.join(run.SHOTS, "template-new.png"))


def main(argv):
    report = run.Report(argv[0] if argv else None)
    package = webdriver.missing()
    if package:
        print(f"skip template: Chromium can't be driven (package {package})")
        return 0
    os.environ.setdefault("PLUGNET_VBOARD", os.path.join(ROOT, "build/vboard/vboard"))
    os.makedirs(run.SHOTS, exist_ok=True)
    try:
        with Board(PUMP, forwards=[80]) as b, webdriver.Browser() as browser:
            b.wait_state("leased")
            with b.running():
                page = Page(browser, f"http://localhost:{b.local_port(80)}/")
                for title, test in [(name[5:], test) for name, test in globals().items() if name.startswith("test_")]:
                    report.run(f"template: {title}", test, page, always=title == "opens")
    except (*run.FAILURES, BoardDied, VirtualTimeout) as error:
        report.fail("template", f"{type(error).__name__} {error}")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
