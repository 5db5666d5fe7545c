"""examples/ownstack at the real cdc_ncm: a static address, ARP, ping, a flood, hostile frames, port resets."""
# SPDX-License-Identifier: MIT
import fcntl
import socket
import struct
import time

from lib import Board, check, read, run, table_find, wait_for

USBDEVFS_RESET = 0x5514
PC, BOARD = "192.168.7.2", "192.168.7.1"

board = Board()


def plug():
    """As docs/ownstack.md says: link up, one address."""
    run("ip", "link", "set", board.name, "up")
    wait_for("carrier", lambda: read(f"/sys/class/net/{board.name}/carrier") == "1")
    run("ip", "addr", "add", f"{PC}/24", "dev", board.name)
    board.own, board.address = PC, BOARD


def pinged(count, *words):
    """All of them are answered; returns ping's last line."""
    text = run("ping", "-q", "-c", str(count), *words, BOARD, limit=60)
    check(int(table_find(text, r"(\d+) received")[1]) == count and "duplicates" not in text, text)
    return text.strip().splitlines()[-1]


def begin():
    """binds, answers ARP and echoes of 18 and 1,472 bytes"""
    board.attach()
    check(read(f"{board.device}/product") == "Own stack", read(f"{board.device}/product"))
    plug()
    said = pinged(5, "-i", "0.02", "-s", "18")
    pinged(5, "-i", "0.02", "-s", "1472", "-M", "do")
    mac = table_find(run("ip", "neigh", "show", "dev", board.name), r"192\.168\.7\.1 lladdr (\S+)")[1]
    check(mac == "02:" + board.mac[3:], f"{mac}, and the PC's is {board.mac}")
    return said


def probe():
    """the address is found to be taken (arping -D asks from 0.0.0.0)"""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806)) as s:
        s.bind((board.name, 0))
        s.settimeout(30)
        own = bytes.fromhex(board.mac.replace(":", ""))
        s.send(b"\xFF" * 6 + own + b"\x08\x06" + struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1) + own + bytes(4) + bytes(6)
               + socket.inet_aton(BOARD))
        while (answer := s.recv(2000))[20:22] != b"\x00\x02":
            pass
    check(answer[28:32] == socket.inet_aton(BOARD) and answer[38:42] == bytes(4), answer.hex())


def flood():
    """ping -f, small and large"""
    said = pinged(400, "-f", "-s", "18")
    pinged(60, "-f", "-s", "1472")
    return said


def hostile():
    """300 broken frames get no answer, and it still answers"""
    own, other = bytes.fromhex(board.mac.replace(":", "")), bytes.fromhex("02" + board.mac.replace(":", "")[2:])
    echo = bytes.fromhex("4500002e00004000400100000000000000000000")[:12] + socket.inet_aton(PC) + socket.inet_aton(BOARD)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as s:
        s.bind((board.name, 0))
        for i in range(300):
            kind = (b"\x08\x06", b"\x08\x00", struct.pack(">H", i))[i % 3]
            s.send((other + own + kind + echo[:i % 21] + bytes([i % 256] * (i % 60))).ljust(14, b"\0"))
        time.sleep(0.5)
        s.setblocking(False)
        seen = []
        try:
            while True:
                seen.append(s.recvfrom(2000))
        except BlockingIOError:
            pass
    answers = [frame for frame, address in seen if address[2] != socket.PACKET_OUTGOING]
    check(not answers, f"{len(answers)} answers, one of them {answers[:1]}")
    return pinged(20, "-i", "0.02")


def resets():
    """5 port resets"""
    for _ in range(5):
        with open("/dev/bus/usb/%03d/%03d" % board.number, "wb") as file:
            fcntl.ioctl(file, USBDEVFS_RESET, 0)
        board.name = wait_for("the card", board.card_find)
        run("ip", "addr", "flush", "dev", board.name)
        plug()
        board.reachable()
    return pinged(20, "-i", "0.02", "-s", "1472")


def again():
    """link down and up, unplugged and plugged in again"""
    board.down()
    board.up()
    board.reachable()
    board.detach()
    board.attach()
    plug()
    board.reachable()


TESTS = [begin, probe, flood, hostile, resets, again]
