"""A board under test: starts the virtual board or the native firmware with a forwarded port, and talks to it."""
# SPDX-License-Identifier: MIT
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
START_S_MAX = 120  # on a busy machine, under sanitizers
TARGETS = {
    "arm": ["build/vboard/vboard", "{options}", "build/stm32f4discovery-none/plugnet.elf"],
    "32l476gdiscovery": ["build/vboard/vboard", "--board", "32l476gdiscovery", "{options}",
                         "build/32l476gdiscovery-none/plugnet.elf"],
    "blackpill-f411": ["build/vboard/vboard", "--board", "blackpill-f411", "{options}",
                       "build/blackpill-f411-none/plugnet.elf"],
    "freertos": ["build/vboard/vboard", "{options}", "build/stm32f4discovery-freertos/plugnet.elf"],
    "32l476gdiscovery-freertos": ["build/vboard/vboard", "--board", "32l476gdiscovery", "{options}",
                                  "build/32l476gdiscovery-freertos/plugnet.elf"],
    "blackpill-f411-freertos": ["build/vboard/vboard", "--board", "blackpill-f411", "{options}",
                                "build/blackpill-f411-freertos/plugnet.elf"],
    "native": ["build/pc", "{options}", "--spawn", "build/native-none/plugnet.elf"],
    "posix": ["build/pc", "{options}", "--spawn", "build/native-posix/plugnet.elf"],
}


class BoardError(Exception):
    pass


def missing(target):
    """What has to be built first, or None."""
    for word in TARGETS[target]:
        if word.startswith("build/") and not os.path.exists(os.path.join(ROOT, word)):
            return word
    return None


def port_free():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Board:
    """A running board, `with Board(...)`. Without a target: one that somebody else has started at `url`."""

    def __init__(self, target=None, url=None, control=None):
        self.target, self.url, self.control = target, url, control
        self.process = None

    def __enter__(self):
        if self.target:
            self.folder = tempfile.TemporaryDirectory(prefix="plugnet-")
            self.control = os.path.join(self.folder.name, "control")
            port = port_free()
            options = ["--forward", f"{port}:80", "--control", self.control]
            command = [part for word in TARGETS[self.target] for part in (options if word == "{options}" else [word])]
            self.log = open(os.path.join(self.folder.name, "log"), "w+", encoding="utf-8", errors="replace")
            self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=self.log,
                                            stderr=subprocess.STDOUT, start_new_session=True)
            self.url = f"http://localhost:{port}/"
        try:
            self.answers()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if not self.process:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
                self.process.wait(10)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                pass
        self.log.close()
        self.folder.cleanup()

    def answers(self):
        """Wait until the board answers; its status."""
        end = time.monotonic() + START_S_MAX
        while True:
            try:
                return self.status()
            except (OSError, ValueError) as error:
                if self.process and self.process.poll() is not None:
                    raise BoardError(f"the board ended with code {self.process.returncode}: {self.said()}") from None
                if time.monotonic() > end:
                    raise BoardError(f"no answer in {START_S_MAX} s ({error}): {self.said()}") from None
                time.sleep(0.1)

    def said(self):
        """The last things that the board's process printed."""
        if not self.process:
            return ""
        self.log.seek(0)
        return " / ".join(self.log.read().strip().splitlines()[-4:])

    def status(self):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(self.url + "api/status", timeout=100) as answer:
            return json.load(answer)

    def leds(self):
        return [led["on"] for led in self.status()["leds"]]

    def leds_ours(self):
        """Those that nobody else switches: with threads the last one blinks (app/tasks.c)."""
        status = self.status()
        leds = [led["on"] for led in status["leds"]]
        return leds[:-1] if status.get("tasks") else leds

    def led_set(self, led, on):
        request = urllib.request.Request(self.url + "api/leds", method="POST",
                                         data=json.dumps({"led": led, "on": on}).encode())
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=100) as answer:
            return json.load(answer)

    def ask(self, line):
        """One line to the control socket (host/control.h), and its answer."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(20)
            connection.connect(self.control)
            connection.sendall(line.encode() + b"\n")
            with connection.makefile("r", encoding="utf-8") as answers:
                answer = answers.readline()
        if not answer or answer.startswith("error"):
            raise BoardError(f"control socket: {line!r} is answered by {answer.strip()!r}")
        return answer.strip()
