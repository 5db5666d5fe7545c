"""For each further image: bind, lease, page, half a minute of traffic, port reset."""
# SPDX-License-Identifier: MIT
import fcntl
import subprocess

from lib import QUICK, Board, check, pools, pools_kept, run, table_find, wait_for

SECONDS = 5 if QUICK else 30
USBDEVFS_RESET = 0x5514

board = Board()
state = {}


def begin():
    """binds, leases, serves the page"""
    board.attach().lease()
    check(b"<html" in board.get("/"), "no page")
    status = board.status()
    state["pools"] = pools(board)
    return f"{status['board']}, {status['flavour']}"


def traffic():
    """traffic, all sorts at once"""
    echo = subprocess.Popen(["ping", "-q", "-i", "0.02", "-s", "1400", "-w", str(SECONDS), board.address],
                            stdout=subprocess.PIPE, text=True)
    text = run("wrk", "-t", "1", "-c", "8", "-d", f"{SECONDS}s", "--timeout", "5s", f"http://{board.address}/", limit=SECONDS + 60)
    echoes = echo.communicate(timeout=30)[0]
    check("Socket errors" not in text and "Non-2xx" not in text, text)
    lost = table_find(echoes, r"(\d+) packets transmitted, (\d+) received")
    check(int(lost[2]) > int(lost[1]) * 0.9, echoes)
    return f"{table_find(text, r'[0-9]+ requests')[0]}, {lost[2]} of {lost[1]} echoes"


def reset():
    """port reset"""
    with open("/dev/bus/usb/%03d/%03d" % board.number, "wb") as file:
        fcntl.ioctl(file, USBDEVFS_RESET, 0)
    board.name = wait_for("the card", board.card_find)
    board.lease()
    board.reachable()
    check(b"<html" in board.get("/"), "no page")
    pools_kept(board, state["pools"])


TESTS = [begin, traffic, reset]
