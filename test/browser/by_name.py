#!/usr/bin/env python3
"""The page by its name, as a PC with a real network card would open it: no forwarded port, no address typed.

    this machine's kernel ─ TAP device ─ cable ─ board       in a network namespace of its own
    busybox udhcpc takes the lease and its name server → resolv.conf (a file of its own, mounted over the system's)
    glibc and Chromium ask the board's DNS server for www.lwip.home and plugnet.home.arpa
    avahi and nss-mdns find plugnet.local (mdns.py); Chromium with "Always use secure connections" in its balanced mode
    refuses plugnet.home.arpa, and opens plugnet.local, plugnet.internal and the address

Prints "ok NAME", "not ok NAME: why" and "skip NAME: why" (tool/suites.py).
"""
# SPDX-License-Identifier: MIT
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error

sys.dont_write_bytecode = True
sys.path[:0] = [os.path.dirname(os.path.abspath(__file__)), os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]
import board  # noqa: E402
import mdns  # noqa: E402
import page_tests  # noqa: E402
import run  # noqa: E402
import tap  # noqa: E402
import webdriver  # noqa: E402

NAMES = ("www.lwip.home", "plugnet.home.arpa", "plugnet.internal")
MDNS = os.path.join(board.ROOT, "build", "mdns")
BALANCED = {"https_first_balanced_mode_enabled": True, "https_only_mode_enabled": False}  # the default of 2026
SHOWN = """
const state = document.querySelector('#state');
if (state) return state.dataset.state === 'live' && document.querySelector('#board').textContent;
return location.protocol !== 'data:' && document.readyState === 'complete' && document.body && document.body.innerText"""
FOREIGN = "example.com"
PAGE_TESTS = ("opens", "board_is_named", "figures_move", "led_by_click", "button", "asks_only_the_board",
              "console_is_empty")
DHCP_SCRIPT = """#!/bin/sh
case $1 in
deconfig) ip address flush dev "$interface" ;;
bound | renew)
    ip address replace "$ip/$mask" dev "$interface"
    [ -z "$router" ] || ip route replace default via "$router"
    for server in $dns; do echo "nameserver $server"; done > /etc/resolv.conf ;;
esac
"""


def libraries_find():
    """So that glibc of the program inside finds nss-mdns."""
    if not mdns.missing(MDNS):
        os.environ["LD_LIBRARY_PATH"] = mdns.libraries(MDNS)


class Cable:
    """The virtual board on a TAP device, with the lease taken."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="plugnet-")
        self.control = os.path.join(self.folder.name, "control")
        resolv = os.path.join(self.folder.name, "resolv.conf")
        open(resolv, "w", encoding="utf-8").close()
        subprocess.run(["mount", "--bind", resolv, os.path.realpath("/etc/resolv.conf")], check=True)
        tap.ip("link", "set", "lo", "up")
        command = ["build/vboard/vboard", "--tap", tap.TAP, "--control", self.control, board.TARGETS["arm"][-1]]
        self.board = tap.Program(command)
        try:
            self.lease()
        except BaseException:
            self.__exit__()
            raise
        return self

    def lease(self):
        script = os.path.join(self.folder.name, "dhcp")
        with open(script, "w", encoding="utf-8") as file:
            file.write(DHCP_SCRIPT)
        os.chmod(script, 0o755)
        self.board.tap_wait(board.START_S_MAX)
        client = subprocess.run(["busybox", "udhcpc", "-f", "-q", "-n", "-t", "20", "-T", "1", "-i", tap.TAP, "-s", script],
                                check=False, capture_output=True, text=True)
        if client.returncode:
            raise board.BoardError(f"no lease: {client.stderr.strip()[-300:]} / {self.board.last_said()}")

    def __exit__(self, *_):
        self.board.__exit__()
        subprocess.run(["umount", os.path.realpath("/etc/resolv.conf")], check=False)
        self.folder.cleanup()


def test_own_names_resolve(_):
    address = {socket.gethostbyname(name) for name in NAMES}
    assert len(address) == 1, f"{NAMES} have the addresses {address}"
    with open("/etc/resolv.conf", encoding="ascii") as file:
        servers = [line.split()[1] for line in file if line.startswith("nameserver")]
    assert servers == list(address), f"name servers {servers}, board {address}"


def test_foreign_name_is_refused(_):
    """At once, so that a resolver with another server goes on to it: no time-out."""
    begin = time.monotonic()
    try:
        found = socket.gethostbyname(FOREIGN)
        raise AssertionError(f"{FOREIGN} has the address {found}")
    except socket.gaierror as error:
        assert error.errno == socket.EAI_AGAIN, f"{FOREIGN}: {error}, which says that there is no such name"
    assert time.monotonic() - begin < 4, "it took as long as a time-out of 5 s"


def test_no_default_route(_):
    routes = tap.ip("route")
    assert tap.TAP in routes and "default" not in routes, routes


def test_page_by_second_name(_):
    status = board.Board(url=f"http://{NAMES[1]}/").status()
    assert NAMES[1] in status["names"], status["names"]


def opened(browser, url):
    """What a click on a link shows in the end: the board's name on its live page, or the browser's own words."""
    browser.open("data:text/html,<a href='" + url + "'>board</a>")
    browser.click("a")
    return browser.wait(lambda: browser.run(SHOWN), 60, f"{url} to show something")


def secure_connections(report, browser, address):
    """First that the mode is on, by the name that it refuses; then those that must open."""
    def refused(_):
        browser.open("data:text/html,<a href='http://plugnet.home.arpa/'>board</a>")
        list(browser.network())
        try:
            browser.click("a")
        except webdriver.BrowserError:
            pass  # it may take the failed load for its own
        got = []

        def failed():
            got.extend((event, parameters) for event, parameters in browser.network()
                       if event in ("loadingFailed", "responseReceived"))
            return got
        event, parameters = browser.wait(failed, 30, "plugnet.home.arpa to be refused")[0]
        assert event == "loadingFailed", f"the mode isn't on: {parameters['response']['url']} was answered"
        assert "ERR_BLOCKED_BY_CLIENT" in parameters["errorText"], parameters

    def opens(url):
        got = opened(browser, url)
        assert got == "STM32F4DISCOVERY", f"{url} shows {got}"

    report.run("by name: secure connections: plugnet.home.arpa is refused", refused, None)
    for name in ("plugnet.local", "plugnet.internal", address):
        report.run(f"by name: secure connections: {name} opens", opens, f"http://{name}/")


def mdns_run(report, address):
    why = mdns.missing(MDNS)
    if why:
        print(f"skip by name: mDNS: {why}")
        return
    def resolves(_):
        got = subprocess.run(["getent", "-s", "hosts:mdns4_minimal", "ahostsv4", "plugnet.local"], check=False,
                             capture_output=True, text=True).stdout.split()
        assert got[:1] == [address], f"plugnet.local has the addresses {got}"

    with mdns.Resolver(MDNS, tap.TAP):
        report.run("by name: plugnet.local by nss-mdns alone", resolves, None)
        with webdriver.Browser(BALANCED) as browser:
            secure_connections(report, browser, address)


def main(argv):
    tap.namespaces_enter("by name", ("--net", "--mount", "--propagation", "private"), libraries_find)
    report = run.Report(argv[0] if argv else None)
    package = webdriver.missing()
    if package:
        print(f"skip by name: Chromium can't be driven (package {package})")
        return 0
    try:
        with Cable() as cable:
            for title, test in [(n[5:], t) for n, t in globals().items() if n.startswith("test_")]:
                report.run(f"by name: {title}", test, cable)
            one = board.Board(url=f"http://{NAMES[0]}/", control=cable.control)
            with webdriver.Browser() as browser:
                page = page_tests.Page(browser, one, run.SHOTS, "by-name")
                for title, test in page_tests.TESTS:
                    if title in PAGE_TESTS and not report.run(f"by name: page {title}", test, page) and title == "opens":
                        break
                browser.screenshot(os.path.join(run.SHOTS, "by-name.png"))
            mdns_run(report, one.status()["address"])
    except (*run.FAILURES, urllib.error.URLError) as error:
        report.fail("by name", f"{type(error).__name__} {error}")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
