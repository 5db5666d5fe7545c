#!/usr/bin/env python3
"""examples/hal: a product on ST's start-up, HAL and linker script, on the virtual board.

    STM32_HAL_PATH=… STM32_DEVICE_PATH=… CMSIS_PATH=… [STM32_LINKER_SCRIPT=…] test/hal/test_hal.py

Prints "ok NAME", "not ok NAME: why" and "skip NAME: why" lines (tool/suites.py); without the paths it is skipped by name.
"""
# SPDX-License-Identifier: MIT
import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VBOARD = os.path.join(ROOT, "build/vboard/vboard")
BENCH = os.path.join(ROOT, "build/bench/bench")
PATHS = ("STM32_HAL_PATH", "STM32_DEVICE_PATH", "CMSIS_PATH")
LIMIT_S = 900  # a firmware is built, maybe by a slow machine
ANSWER_S = 60


def run(*command, **environment):
    kept = {name: value for name, value in os.environ.items()
            if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "STM32_LINKER_SCRIPT")}
    return subprocess.run(command, cwd=ROOT, env={**kept, **environment}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=LIMIT_S, check=False)


def configure(build, *words):
    return run("cmake", "-S", "examples/hal", "-B", build, f"-DPLUGNET_LWIP_PATH={ROOT}/build/lwip", *words)


def built(build, *words):
    done = configure(build, *words)
    assert done.returncode == 0, done.stderr[-900:]
    done = run("cmake", "--build", build, "-j2")
    assert done.returncode == 0, (done.stdout + done.stderr)[-900:]
    assert "warning" not in (done.stdout + done.stderr).lower(), done.stdout + done.stderr
    return os.path.join(build, "hal.elf")


class Board:
    """The image on the virtual board, with what it says, its page's address and its control socket."""

    def __init__(self, image, folder, *options):
        self.control = os.path.join(folder, "control")
        self.said = []
        self.changed = threading.Condition()
        self.process = subprocess.Popen([VBOARD, "--forward", "0:80", "--control", self.control, *options, image], cwd=ROOT,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.said.append(line)
                self.changed.notify()

    def wait(self, pattern, count=1):
        with self.changed:
            assert self.changed.wait_for(lambda: sum(bool(re.search(pattern, line)) for line in self.said) >= count, ANSWER_S), \
                f"no {pattern!r} in {self.said[-12:]}"
            return next(line for line in self.said if re.search(pattern, line))

    @property
    def url(self):
        return re.search(r"http://\S+", self.wait("http://"))[0].rstrip("/")

    def get(self, path, method="GET"):
        request = urllib.request.Request(self.url + path, method=method)
        with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:
            return answer.read()

    def state(self):
        return json.loads(self.get("/api/state"))

    def hand(self, command):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self.control)
            connection.sendall(command.encode() + b"\n")
            return connection.makefile().readline().strip()

    def complaints(self):
        return [line for line in self.said if re.search("warning|unmodelled|locked up|panic|fault", line)]


@contextlib.contextmanager
def running(image, *options):
    with tempfile.TemporaryDirectory() as folder:
        board = Board(image, folder, *options)
        try:
            yield board
        finally:
            board.process.terminate()
            board.process.wait(ANSWER_S)


# ---- Tests ----

def test_page(image):
    """It enumerates and serves its page and its state; LEDs, button, reset and settings work; nothing is complained of."""
    with tempfile.TemporaryDirectory() as folder, running(image, "--flash", f"{folder}/flash") as board:
        board.wait("leased")
        assert "enumerated 1209:0009 Example HAL" in board.wait("enumerated"), board.said
        assert b"plugnet and ST's HAL" in board.get("/"), "the page"
        first, second = board.state(), board.state()
        assert first["board"] == "STM32F4DISCOVERY" and first["boots"] == 1 and not first["button"], first
        assert second["uptime_ms"] >= first["uptime_ms"] > 0 and first["random"] != second["random"], (first, second)
        assert 0 < first["stack_used"] < 4096, first
        board.get("/api/led?on=true", "PUT")
        assert board.hand("leds") == "1" and board.state()["led"]
        board.get("/api/led?on=false", "PUT")
        assert board.hand("leds") == "0"
        try:
            board.get("/api/led?on=maybe", "PUT")
            raise AssertionError("a wrong value is taken")
        except urllib.error.HTTPError as error:
            assert error.code == 400, error
        board.hand("button 1")
        assert board.state()["button"]
        board.hand("button 0")
        for number, command in enumerate(("reset", "power 0"), 2):
            board.hand(command)
            if command == "power 0":
                board.hand("power 1")
            board.wait("leased", number)
            assert board.state()["boots"] == number, board.state()
        assert not board.complaints(), board.complaints()


def test_no_heap(image):
    names = run("arm-none-eabi-nm", image).stdout
    found = re.findall(r"\b_?(?:malloc|calloc|realloc|free|sbrk)(?:_r)?$", names, re.MULTILINE)
    assert not found, found
    assert "USBD_" not in names and "HAL_PCD_" not in names, "ST's USB is linked, too"


def test_fault(image):
    """Where it was is on the log, by USART2 with all interrupts off, and all LEDs are lit."""
    with running(image, "--gdb", "0") as board:
        port = re.search(r"localhost:(\d+)", board.wait("waiting for a debugger"))[1]
        done = run("gdb-multiarch", "--batch", "-nx", "-ex", f"target remote localhost:{port}", "-ex", "tbreak board_idle", "-ex", "continue",
                   "-ex", "set $lr = 0x08000101", "-ex", "set $pc = 0x30000000", "-ex", "detach", image)
        assert done.returncode == 0, done.stderr
        board.wait(r"\[usart2\] fault or panic: PC 0x30000000 LR 0x08000101")
        board.wait("green on orange on red on blue on")


def test_bench(image):
    """In the board's own time: it wakes when there is something to do, and sleeps when there isn't. Without board_wake it answers 2,666
    small datagrams a second instead of 7,637."""
    with tempfile.TemporaryDirectory() as folder:
        done = run(BENCH, "--board", "stm32f4discovery", "--eager", image, folder)
        assert os.path.exists(f"{folder}/raw-eager.json"), done.stdout + done.stderr
        with open(f"{folder}/raw-eager.json", encoding="utf-8") as file:
            runs = json.load(file)["runs"]
    echoes, idle = runs["echo_18x8"], runs["idle"]
    assert echoes["count"] > 7000 and echoes["lost"] == 0, echoes["count"]
    assert idle["sleep_cycles"] > 0.99 * idle["cycles"], idle


def refusals(folder):
    """What is missing is named."""
    fine = [f"-D{name}={os.environ.get(name, '/no')}" for name in PATHS]
    given = all(name in os.environ for name in PATHS)
    for name in PATHS if given else PATHS[:1]:
        build = os.path.join(folder, "refused-" + name)
        done = configure(build, *fine, f"-D{name}=/no/such")
        assert done.returncode != 0 and f"{name}='/no/such'" in done.stderr, f"{name}: {done.stderr[-600:]}"
    if given:
        done = configure(os.path.join(folder, "refused-script"), *fine, "-DSTM32_LINKER_SCRIPT=/no/such.ld")
        assert done.returncode != 0 and "STM32_LINKER_SCRIPT='/no/such.ld'" in done.stderr, done.stderr[-600:]


def tried(name, function, *arguments):
    try:
        function(*arguments)
    except (AssertionError, OSError, ValueError, subprocess.TimeoutExpired) as error:
        print(f"not ok hal_{name}: {' '.join(str(error).split())[:900]}", flush=True)
        return False
    print(f"ok hal_{name}", flush=True)
    return True


def main():
    with tempfile.TemporaryDirectory() as folder:
        fine = tried("refusals", refusals, folder)
        unset = [name for name in PATHS if not os.environ.get(name)]
        if unset:
            print(f"skip hal: {', '.join(unset)}: not set (examples/hal/README.md)")
            return not fine
        script = os.environ.get("STM32_LINKER_SCRIPT")
        if not script:
            print("skip hal_st_script: STM32_LINKER_SCRIPT is not set")
        for kind, words in {"": (), **({"st_script_": (f"-DSTM32_LINKER_SCRIPT={script}",)} if script else {})}.items():
            try:
                image = built(os.path.join(folder, "build" + kind), *words)
            except AssertionError as error:
                print(f"not ok hal_{kind}build: {' '.join(str(error).split())[:900]}")
                fine = False
                continue
            for name in ("page", "no_heap", "fault", "bench"):
                fine &= tried(kind + name, globals()["test_" + name], image)
    return not fine


if __name__ == "__main__":
    sys.exit(main())
