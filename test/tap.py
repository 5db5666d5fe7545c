"""What tests of real network programs share: namespaces of their own, a board on a TAP device, programs that keep a log.

    namespaces_enter … inside: with Program(command) as board: board.tap_wait(TAP, seconds)
"""
# SPDX-License-Identifier: MIT
import os
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TAP = "plugnet0"
PACKAGES = {"unshare": "util-linux", "ip": "iproute2", "busybox": "busybox"}
STOP_S_MAX = 10


def missing(programs=("unshare", "ip"), namespaces=("--net",)):
    """Why there can be no TAP device in namespaces here; None if there can."""
    for program in programs:
        if not shutil.which(program):
            return f"no {program} (package {PACKAGES[program]})"
    if not os.path.exists("/dev/net/tun"):
        return "no /dev/net/tun"
    if subprocess.run(["unshare", *namespaces, "true"], check=False, capture_output=True).returncode:
        return "no namespaces allowed here"
    return None


def namespaces_enter(suite, namespaces=("--net",), prepare=None):
    """This program again, in namespaces of its own; returns only inside them. Where there are none: a "skip SUITE: why" line
    and the end. `prepare` is called before, to change the environment."""
    if os.environ.get("PLUGNET_INSIDE") == suite:
        return
    why = missing(PACKAGES, namespaces)
    if why:
        print(f"skip {suite}: {why}")
        sys.exit(0)
    os.environ["PLUGNET_INSIDE"] = suite
    if prepare:
        prepare()
    os.execvp("unshare", ["unshare", *namespaces, sys.executable, os.path.abspath(sys.argv[0]), *sys.argv[1:]])


def ip(*arguments):
    return subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True).stdout


class Program:
    """A program that runs in the background for as long as the block lasts. What it says goes to a file."""

    def __init__(self, command):
        self.log = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=subprocess.STDOUT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(STOP_S_MAX)
        self.log.close()

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def last_said(self):
        return " / ".join(self.said().strip().splitlines()[-4:])

    def wait(self, condition, limit_s, what):
        """Until condition() is true; OSError if the program ends before, or it takes too long."""
        end = time.monotonic() + limit_s
        while not condition():
            if self.process.poll() is not None or time.monotonic() > end:
                raise OSError(f"{what}: {self.last_said()[-300:]}")
            time.sleep(0.05)

    def tap_wait(self, limit_s):
        """The board's TAP device is there and up."""
        self.wait(lambda: os.path.exists(f"/proc/sys/net/ipv4/conf/{TAP}"), limit_s, "no TAP device")
        ip("link", "set", TAP, "up")
