"""For each further kernel: what its driver may do in another way. Frames of many lengths, both directions at once, bus and driver
again."""
# SPDX-License-Identifier: MIT
import subprocess

from lib import Board, check, dmesg, echoes, pools, pools_kept, read, run, table_find
from bind import BAD, HARMLESS

LENGTHS = range(0, 1473, 7)  # of an echo's data, up to the MTU: in a block of its own each, whose length is anything modulo 64
SECONDS, ROUNDS = 3, 3

board = Board()
state = {}


def begin():
    """binds, leases, serves the page"""
    board.attach().lease()
    check(b"<html" in board.get("/"), "no page")
    state["pools"] = pools(board)
    return board.status()["board"]


def lengths():
    """an echo comes back the same, whatever its length"""
    for length in LENGTHS:
        echoes(board, length, 1)
    return f"{len(LENGTHS)} lengths"


def both_ways():
    """both ways at once"""
    pings = subprocess.Popen(["ping", "-q", "-i", "0.02", "-s", "1400", "-w", str(SECONDS), board.address],
                              stdout=subprocess.PIPE, text=True)
    text = run("wrk", "-t", "1", "-c", "4", "-d", f"{SECONDS}s", "--timeout", "5s", f"http://{board.address}/")
    answered = table_find(pings.communicate()[0], r"(\d+) packets transmitted, (\d+) received")
    check("Socket errors" not in text and "Non-2xx" not in text, text)
    check(int(answered[2]) > int(answered[1]) * 0.9, answered[0])
    return f"{table_find(text, r'[0-9]+ requests')[0]}, {answered[2]} of {answered[1]} echoes"


def resets():
    """USBDEVFS_RESET, driver unbound and bound, interface down and up"""
    for _ in range(ROUNDS):
        board.bus_reset()
        board.rebind()
        board.down()
        board.back()
    check(b"<html" in board.get("/"), "no page")
    return f"{ROUNDS} times each"


def kept():
    """nothing was lost: counters, pools, dmesg"""
    pools_kept(board, state["pools"])
    for name in ("rx_errors", "tx_errors", "rx_dropped"):
        check(read(f"/sys/class/net/{board.name}/statistics/{name}") == "0", name)
    bad = [line for line in dmesg().splitlines() if ("cdc_ncm" in line or "usb " in line) and BAD.search(line)
           and not HARMLESS.search(line)]
    check(not bad, "; ".join(bad))


TESTS = [begin, lengths, both_ways, resets, kept]
