#!/usr/bin/env python3
"""Each way to stop leaves a report that outlives the reset: right reason, right place, by log and page and tool/where.py; and what
hangs comes back by itself. On each board, bare metal and FreeRTOS (test/report).

    test/report/test_report.py [NAME …]          images: make images

Prints "ok NAME", "not ok NAME: why" and "skip NAME: why" lines (tool/suites.py).
"""
# SPDX-License-Identifier: MIT
import json
import os
import re
import shutil
import struct
import subprocess
import sys

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "testkit"), os.path.join(ROOT, "test/tool")]
import test_compose  # noqa: E402
from plugnet_testkit import Board  # noqa: E402

os.environ.setdefault("PLUGNET_VBOARD", os.path.join(ROOT, "build/vboard/vboard"))
BOARDS = {"stm32f4discovery": 1, "blackpill-f411": 1, "32l476gdiscovery": 4}  # seconds until the board attaches, at most
WATCHDOG_S = 3  # of report.c

# Way: reason, words of where.py, the place ("here: …" of report.c; None: none is known), whether the watchdog brings it back.
FAULTS = {
    "assert": ("panic", "a mistake of its own", "assert"),
    "panic": ("panic", 'it said: no more "paper"', "panic"),
    "bus": ("fault", "the address was 0x1f000000", "bus"),
    "jump": ("fault", "without the Thumb bit", "LR jump"),
    "undefined": ("fault", "undefined instruction", "undefined"),
    "divide": ("fault", "division by zero", "divide"),
    "irq": ("fault", "interrupt 0, which nobody serves", None),
}
HANGS = {
    "loop": ("hang", "didn't turn", "spin"),
    "alive": ("hang", "didn't turn", None),
    "interrupt": ("watchdog", "not even the tick", None),
    "masked": ("watchdog", "not even the tick", None),
}


def line_of(words):
    with open(os.path.join(ROOT, "test/report/report.c"), encoding="utf-8") as file:
        return [number for number, line in enumerate(file, 1) if f"here: {words} " in line][0]


def image_of(board, flavour):
    if flavour == "freertos":
        test_compose.kernel_wanted()
    return os.path.join(ROOT, f"build/test/report/{board}-{flavour}/report.elf")


def where(image, report):
    done = subprocess.run([os.path.join(ROOT, "tool/where.py"), image, report], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def placed(said, place):
    name, _, words = place.rpartition(" ")
    lines = said[said.index(f"  {name or 'PC'} 0x"):].split("\n  LR")[0] if name != "LR" else said[said.index("  LR 0x"):]
    assert re.search(rf"report\.c:{line_of(words)}\b", lines), f"line {line_of(words)} ({words}) isn't in {said!r}"


def told(image, b, way, reason, words, place, thread):
    """What log, page and tool say after the next start."""
    report = b.http.get("/report").json()
    got = report["report"]
    assert got is not None and got["reason"] == reason, (way, got)
    assert got["starts"] == 1, got
    line = b.log.find(f"last stop: {reason}")
    assert line, f"{way}: the log says nothing"
    if reason != "watchdog":
        assert got["image"] == report["image"] and got["thread"] == thread, (way, got)
        assert 200 < got["uptime_ms"] < 20000, got
    for form in (json.dumps(got), json.dumps(report), *([] if way in ("panic", "bus", "irq") else [line[0].text])):
        said, warned = where(image, form)
        assert words in said and not warned, (way, form, said, warned)
        if place:
            placed(said, place)


def stops(board, flavour, ways, thread, back):
    image = image_of(board, flavour)
    attach_s = BOARDS[board] + 1
    for way, (reason, words, place) in ways.items():
        with Board(image, board=board, forwards=[80]) as b:
            b.wait_state("leased", s=attach_s)
            assert b.http.get("/report").json()["report"] is None, "a report after power-on"
            assert b.http.post(f"/stop/{way}").status == 204
            if back:
                b.run_for(WATCHDOG_S * 2)
                b.wait_state("leased", s=attach_s)
            else:
                b.run_for(0.5)  # with a watchdog a halt is a reset, at once
                b.wait_state("leased", s=attach_s)
            told(image, b, way, reason, words, place, thread)
            assert b.stats()["resets"] == 1, b.stats()
            b.reset()
            b.wait_state("leased", s=attach_s)
            assert b.http.get("/report").json()["report"]["starts"] == 2
            assert len(b.log.find("last stop:")) == 1, "the log says it at each start"
            assert b.http.post("/forget").status == 204
            assert b.http.get("/report").json()["report"] is None
    return f"{len(ways)} ways"


def test_faults_none(_):
    said = [stops(board, "none", FAULTS, "main", False) for board in BOARDS]
    return f"{said[0]} on {len(said)} boards"


def test_hangs_none(_):
    said = [stops(board, "none", HANGS, "main", True) for board in BOARDS]
    return f"{said[0]} on {len(said)} boards"


def test_faults_freertos(_):
    test_compose.kernel_wanted()
    said = [stops(board, "freertos", FAULTS, "tcpip", False) for board in BOARDS]
    return f"{said[0]} on {len(said)} boards"


def test_hangs_freertos(_):
    test_compose.kernel_wanted()
    ways = {**HANGS, "alive": HANGS["alive"]}
    del ways["alive"]  # the tick may find any thread: below
    said = [stops(board, "freertos", ways, "tcpip", True) for board in BOARDS]
    return f"{said[0]} on {len(said)} boards"


def test_threads(_):
    """The report names the thread that stopped."""
    test_compose.kernel_wanted()
    stops("stm32f4discovery", "freertos", {"task-assert": ("panic", "a mistake of its own", "task-assert")}, "worker", False)
    stops("stm32f4discovery", "freertos", {"task": ("hang", "in worker", "spin")}, "worker", True)


def test_stack_overflow(_):
    """No frame could be written: there is a report all the same, without a place."""
    for board in BOARDS:
        with Board(image_of(board, "none"), board=board, forwards=[80]) as b:
            b.wait_state("leased", s=BOARDS[board] + 1)
            assert b.http.post("/stop/stack").status == 204
            b.run_for(1)
            b.reset()
            b.wait_state("leased", s=BOARDS[board] + 1)
            got = b.http.get("/report").json()["report"]
            assert (got["reason"], got["pc"]) == ("fault", "0x00000000") and int(got["cfsr"], 16) & 0x1010, got
            assert "the stack has overflowed" in where(b.image, json.dumps(got))[0]


def test_outlives_no_power_cut(_):
    with Board(image_of("stm32f4discovery", "none"), forwards=[80]) as b:
        b.wait_state("leased")
        b.http.post("/stop/assert")
        b.run_for(1)
        b.power_cut(0.1)
        b.wait_state("leased")
        assert b.http.get("/report").json()["report"] is None, "noise of RAM is taken for a report"


def test_halted_board_comes_back(_):
    """A panic resets at once where a watchdog runs, instead of waiting for it, and the report is the panic's."""
    with Board(image_of("stm32f4discovery", "none"), forwards=[80]) as b:
        b.wait_state("leased")
        b.http.post("/stop/assert")
        begin = b.now
        b.wait_state("attached")
        b.wait_state("leased")
        assert b.now - begin < WATCHDOG_S / 2, b.now - begin
        got = b.http.get("/report").json()["report"]
        assert (got["reason"], got["starts"]) == ("panic", 1), got
        assert b.log.find("reset (software)") and not b.log.find("reset (watchdog)"), b.log.last(8)


def test_demo_shows_it(_):
    """By /api/status and on the page: a report is written as the firmware writes it."""
    image = os.path.join(ROOT, "build/stm32f4discovery-none/plugnet.elf")
    with Board(image, forwards=[80]) as b:
        b.wait_state("leased")
        assert b.http.get("/api/status").json()["report"] is None
        words = [3, 0x08021234, 0x08025679, 0, 0, 0, 61000, 0x12345678, 0]
        report = struct.pack("<9I16s44s", *words, b"main", b"")
        check = 0x52455031
        for (word,) in struct.iter_unpack("<I", report):
            check = (check << 5 | check >> 27) & 0xFFFFFFFF ^ word
        b.poke(0x2001FF90, struct.pack("<I", 0x52455031) + report + struct.pack("<I", check))
        b.reset()
        b.wait_state("leased")
        got = b.http.get("/api/status").json()["report"]
        assert (got["reason"], got["pc"], got["thread"], got["starts"]) == ("hang", "0x08021234", "main", 1), got
        if not shutil.which("chromium"):
            return "chromium is not installed: the page wasn't looked at"
        with b.running("real"):
            page = f"http://localhost:{b.local_port(80)}/"
            done = subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000", "--dump-dom", page],
                                  capture_output=True, text=True, timeout=300, check=False)
        assert "hang at 0x08021234" in done.stdout and "main, 1:01" in done.stdout.replace("0:01:01", "1:01"), done.stdout[-1500:]
    return "API and page"


def test_where_mistakes(folder):
    image = image_of("stm32f4discovery", "none")
    tool = os.path.join(ROOT, "tool/where.py")
    path = os.path.join(folder, "log")
    with open(path, "w", encoding="utf-8") as file:
        file.write("x\n[usart2] panic: PC 0x0800f2e0 LR 0x0800a479\nlast stop: hang PC 0x08020200 LR 0x08020200 CFSR 0x00000000 "
                   "image 0x00000001 in main at 12 ms\n")
    said, warned = where(image, path)
    assert said.startswith("hang:") and "image 0x00000001" in warned, (said, warned)
    for report, wanted in (("nothing of it", "no line of the log"), ('{"a":1}', "neither"), ('{"report":null}', "nothing has stopped")):
        done = subprocess.run([tool, image, report], capture_output=True, text=True, check=False)
        assert done.returncode == 1 and wanted in done.stderr, (report, done.stderr)
    done = subprocess.run([tool, "/nonexistent", "x"], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "no such file" in done.stderr, done.stderr


def main(chosen):
    return test_compose.tests_run("report", globals(), chosen)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
