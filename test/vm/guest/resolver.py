"""The guest's other name server: what a PC has by its internet connection. Knows one name, denies all others."""
# SPDX-License-Identifier: MIT
import socket
import subprocess
import sys
import time

from lib import Failed

ADDRESS, NAME, ANSWER = "10.0.2.3", b"\3www\7example\3net\0", "192.0.2.80"


process = None


def start():
    """As a process of its own on an address of the network card that leads elsewhere; once."""
    global process
    if process is not None:
        return
    subprocess.run(["ip", "addr", "replace", f"{ADDRESS}/32", "dev", "eth0"], check=True)
    process = subprocess.Popen([sys.executable, __file__])
    time.sleep(0.5)
    if process.poll() is not None:
        raise Failed("the guest's name server doesn't start")


def answer(query):
    end = query.index(b"\0", 12) + 5
    question, kind = query[12:end], query[end - 4:end - 2]
    known = question[:-4].lower() == NAME
    has = known and kind == b"\0\1"
    head = query[:2] + (b"\x81\x80" if known else b"\x81\x83") + b"\0\1" + bytes([0, has]) + bytes(4)
    return head + question + (b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton(ANSWER) if has else b"")


def serve():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind((ADDRESS, 53))
        while True:
            query, peer = s.recvfrom(2000)
            if len(query) > 16 and b"\0" in query[12:]:
                s.sendto(answer(query), peer)


if __name__ == "__main__":
    serve()
