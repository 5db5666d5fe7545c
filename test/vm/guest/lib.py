"""What the tests in the guest share: running programs, waiting, plugging boards in, asking them.

A test is a function with a docstring, which names it; it fails by an exception. guest/NAME.py ends with TESTS, a
list of them in order.
"""
# SPDX-License-Identifier: MIT
import glob
import gzip
import json
import os
import re
import subprocess
import time
import urllib.request

SERVER = "10.0.2.100"
QUICK = os.environ.get("CHECK") == "quick"
LOG = "/dev/ttyS0"


class Failed(Exception):
    pass


class Skip(Exception):
    pass


def check(condition, why):
    if not condition:
        raise Failed(why)


def log(text):
    """Onto the console, which a failed run shows."""
    with open(LOG, "w", encoding="utf-8") as file:
        file.write(f"# {text}\n")


def run(*words, limit=60, good=(0,), quiet=False):
    """What a program prints, both streams together."""
    try:
        done = subprocess.run(words, text=True, errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=limit)
    except subprocess.TimeoutExpired as error:
        raise Failed(f"{' '.join(words)[:80]} didn't end in {limit} s: {str(error.output)[-300:]}") from None
    if not quiet:
        log(f"{' '.join(words)[:120]} -> {done.returncode}")
    if good is not None and done.returncode not in good:
        raise Failed(f"{' '.join(words)[:80]} ended with {done.returncode}: {done.stdout.strip()[-300:]}")
    return done.stdout


def wait_for(what, condition, limit_s=30, pause_s=0.1):
    """The first true value of condition()."""
    end = time.monotonic() + limit_s
    while True:
        if value := condition():
            return value
        if time.monotonic() > end:
            raise Failed(f"{what}: not within {limit_s} s")
        time.sleep(pause_s)


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read().strip()


def dmesg():
    return run("dmesg", quiet=True)


class Board:
    """A board that is given out as 1-N, and its network card here once it is plugged in."""

    attached = []

    def __init__(self, number=1):
        self.busid = f"1-{number}"
        self.device = None  # folder in /sys/bus/usb/devices
        self.name = None    # of the interface
        self.address = self.own = None

    def attach(self, driver=True):
        before = set(glob.glob("/sys/bus/usb/devices/*/idVendor"))
        run("usbip", "attach", "-r", SERVER, "-b", self.busid, limit=60)
        new = wait_for("a new USB device", lambda: set(glob.glob("/sys/bus/usb/devices/*/idVendor")) - before)
        self.device = os.path.dirname(new.pop())
        Board.attached.append(self)
        if driver:
            self.name = wait_for("a network card", self.card_find)
        return self

    def card_find(self):
        found = glob.glob(f"{self.device}/{os.path.basename(self.device)}:*/net/*")
        return os.path.basename(found[0]) if found else None

    def detach(self):
        port = int(self.device.rsplit("-", 1)[1]) - 1
        run("usbip", "detach", "-p", str(port))
        Board.attached.remove(self)
        wait_for("the device to go", lambda: not os.path.exists(self.device))
        self.device = self.name = None

    @property
    def number(self):
        """What /dev/bus/usb and lsusb call it."""
        return int(read(f"{self.device}/busnum")), int(read(f"{self.device}/devnum"))

    @property
    def serial(self):
        return read(f"{self.device}/serial")

    @property
    def mac(self):
        return read(f"/sys/class/net/{self.name}/address")

    def interface(self, number):
        return f"{os.path.basename(self.device)}:1.{number}"

    def up(self):
        run("ip", "link", "set", self.name, "up", quiet=True)
        wait_for("carrier", lambda: read(f"/sys/class/net/{self.name}/carrier") == "1")

    def down(self):
        run("ip", "link", "set", self.name, "down", quiet=True)

    def lease(self):
        """By the smallest of clients, without any script: the address goes onto the interface."""
        self.up()
        script = "/tmp/lease.sh"
        with open(script, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\n[ \"$1\" = bound ] && echo \"$ip $mask $serverid $router $dns\" > /tmp/lease.$interface\n"
                       "exit 0\n")
        os.chmod(script, 0o755)
        run("busybox", "udhcpc", "-i", self.name, "-q", "-n", "-f", "-t", "5", "-T", "2", "-s", script)
        self.own, mask, self.address = read(f"/tmp/lease.{self.name}").split()[:3]
        run("ip", "addr", "flush", "dev", self.name, quiet=True)
        run("ip", "addr", "add", f"{self.own}/{mask}", "dev", self.name, quiet=True)
        return self

    def ping(self, limit_s=1.0):
        """True if an echo is answered in time."""
        done = subprocess.run(["ping", "-c", "1", "-W", str(limit_s), "-I", self.name, self.address],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return done.returncode == 0

    def reachable(self, limit_s=10):
        wait_for(f"{self.address} to answer", self.ping, limit_s)

    def get(self, path, limit_s=20):
        with urllib.request.urlopen(f"http://{self.address}{path}", timeout=limit_s) as reply:
            body = reply.read()
            return gzip.decompress(body) if reply.headers["Content-Encoding"] == "gzip" else body

    def status(self):
        return json.loads(self.get("/api/status"))


def pools(board):
    """Memory in use by the board's own counters, when closed connections have been forgotten (TIME_WAIT is 3 s)."""
    time.sleep(5)
    return {pool["name"]: pool["used"] for pool in board.status()["pools"]}


def pools_kept(board, before, tries=3):
    """Every pool holds what it held before, at the latest after `tries` times 5 s. The heap holds the answer itself,
    whose numbers may have grown."""
    for _ in range(tries):
        now = pools(board)
        lost = {name: (before[name], now[name]) for name in before
                if now[name] - before[name] > (100 if name == "HEAP" else 0)}
        if not lost:
            return
    raise Failed(f"in use before and now: {lost}")


def table_find(text, pattern):
    found = re.search(pattern, text, re.M)
    check(found, f"{pattern!r} is not in {text[-300:]!r}")
    return found
