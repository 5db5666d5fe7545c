"""For each further kernel: what its driver may do in another way. Frames of many lengths, both directions at once, bus and driver
again."""
# SPDX-License-Identifier: MIT
import os
import socket
import struct
import subprocess

from lib import Board, check, dmesg, pools, pools_kept, read, run, table_find
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


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2 + len(data) % 2}H", data + bytes(len(data) % 2)))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def echo_ask(s, number, length):
    """One echo of `length` bytes, back with the same. ICMP's message: RFC 792."""
    data = os.urandom(length)
    message = struct.pack(">BBHHH", 8, 0, 0, 77, number) + data
    s.sendto(message[:2] + struct.pack(">H", checksum(message)) + message[4:], (board.address, 0))
    while True:
        reply = s.recv(2000)[20:]
        if reply[0] == 0 and reply[4:8] == message[4:8]:
            check(reply[8:] == data, f"{length} bytes came back changed")
            return


def lengths():
    """an echo comes back the same, whatever its length"""
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as s:
        s.settimeout(20)
        for number, length in enumerate(LENGTHS):
            echo_ask(s, number, length)
    return f"{len(LENGTHS)} lengths"


def both_ways():
    """both ways at once"""
    echoes = subprocess.Popen(["ping", "-q", "-i", "0.02", "-s", "1400", "-w", str(SECONDS), board.address],
                              stdout=subprocess.PIPE, text=True)
    text = run("wrk", "-t", "1", "-c", "4", "-d", f"{SECONDS}s", "--timeout", "5s", f"http://{board.address}/")
    answered = table_find(echoes.communicate()[0], r"(\d+) packets transmitted, (\d+) received")
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
