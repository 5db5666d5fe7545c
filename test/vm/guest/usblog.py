"""The example's log (examples/usblog), printed by its own tool."""
# SPDX-License-Identifier: MIT
import os
import re

from lib import Board, check, run

TOOL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "examples", "usblog", "usblog.py")
LINE = re.compile(r"^ *([0-9]+\.[0-9]{3})  (debug|info|warning)  +(.*) ([0-9]+)$")
LOST = re.compile(r"^ *[0-9]+ lost$")  # the board may have logged for minutes before

board = Board(3)


def begin():
    """begin"""
    board.attach().lease()


def records(*words):
    """(seconds, level, text, number) of each line that the tool prints."""
    lines = run("/usr/bin/python3", TOOL, *words, limit=10).splitlines()
    found = [LINE.match(line) for line in lines if not LOST.match(line)]
    check(all(found), f"{lines}")
    return [(float(match[1]), match[2], match[3], int(match[4])) for match in found]


def printed():
    """what was logged before anybody read, then what comes, in order"""
    found = records("--count", "5")
    check(found[0][1:] == ("info", "started", 0), f"{found}")
    while not any(record[1:] == ("warning", "network", 1) for record in found):
        check(len(found) < 200, f"{found[-10:]}")
        found += records("--count", "5")
    times = [record[0] for record in found]
    check(times == sorted(times), f"{times}")
    return f"{len(found)} records, {times[0]} s to {times[-1]} s"


def levels():
    """a level is asked for by a message"""
    records("--level", "warning", "--count", "0")
    for what in ("unbind", "bind"):
        with open(f"/sys/bus/usb/drivers/cdc_ncm/{what}", "w", encoding="utf-8") as file:
            file.write(board.interface(0))
    found = []
    while [record[1:] for record in found[-2:]] != [("warning", "network", 0), ("warning", "network", 1)]:
        found += records("--level", "warning", "--count", "1")
        check(found[-1][1:3] == ("warning", "network"), f"{found}")


TESTS = [begin, printed, levels]
