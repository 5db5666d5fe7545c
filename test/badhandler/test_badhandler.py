#!/usr/bin/env python3
"""Whatever a handler does costs its own connection: page and ping are alive beside one of each bad kind.

    test/badhandler/test_badhandler.py [FLAVOUR …]          images: make images

    this machine's kernel ─ TAP device ─ cable ─ board          in a network namespace of its own

Prints "ok NAME", "not ok NAME: why" and "skip NAME: why" lines (tool/suites.py).
"""
# SPDX-License-Identifier: MIT
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap  # noqa: E402

IMAGES = os.path.join(tap.ROOT, "build/test/badhandler")
BOARD, PC = "10.64.1.1", "10.64.1.2/29"  # the firmware's subnet is 10.64.1.0/29
VBOARD = ["build/vboard/vboard", "--tap", tap.TAP]
NATIVE = ["build/pc", "--tap", tap.TAP, "--spawn"]
FLAVOURS = {"none": VBOARD, "freertos": VBOARD, "native": NATIVE, "posix": NATIVE}
BAD = ("/silent", "/silent-later", "/too-long", "/too-long-later", "/too-short", "/too-much")
WAITING = (("/later", "GET"), ("/refuses", "PUT"))
MANY = 70000
OTHER = "10.64.1.3/29"  # a second address of the PC
VANISHED_S_MAX = 40
SLOW_S_MAX = 30  # 2 s on a machine that does nothing else; a minute and more where bytes come again by a timer
START_S_MAX, ANSWER_S_MAX, LATE_S_MAX = 60, 60, 5


def ask(path, version="1.1", method="GET", body="", stop=None):
    """One request on a connection of its own: the answer's bytes, and whether a reset has ended it."""
    data = bytearray()
    extra = f"Content-Length: {len(body)}\r\n" if body or method == "POST" else ""
    try:
        with socket.create_connection((BOARD, 80), ANSWER_S_MAX) as connection:
            connection.sendall(f"{method} {path} HTTP/{version}\r\nHost: {BOARD}\r\nConnection: close\r\n{extra}\r\n{body}"
                               .encode())
            while piece := connection.recv(65536):
                data += piece
                if stop and stop.is_set():
                    break
    except ConnectionResetError:
        return bytes(data), True
    return bytes(data), False


def body_of(answer):
    """The whole body of a chunked answer."""
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert b"Transfer-Encoding: chunked" in head, head
    body = bytearray()
    at = 0
    while True:
        line = rest.index(b"\r\n", at)
        size = int(rest[at:line], 16)
        body += rest[line + 2:line + 2 + size]
        at = line + 4 + size
        if size == 0:
            return bytes(body)


def looks_whole(answer):
    """All bytes that the head announces are there, or the last chunk."""
    head, _, body = answer.partition(b"\r\n\r\n")
    announced = re.search(rb"Content-Length: (\d+)", head)
    return len(body) >= int(announced[1]) if announced else answer.endswith(b"0\r\n\r\n")


def good():
    answer, reset = ask("/good")
    assert not reset, "the good route's connection was reset"
    return json.loads(body_of(answer))


def ping():
    done = subprocess.run(["busybox", "ping", "-c", "1", "-W", str(LATE_S_MAX), BOARD], capture_output=True, check=False)
    assert done.returncode == 0, "no answer to a ping"


def others_live(what):
    begin = time.monotonic()
    good()
    ping()
    took = time.monotonic() - begin
    assert took < LATE_S_MAX, f"page and ping took {took:.1f} s beside {what}"


class Beside:
    """A thread that asks for `path` again and again."""

    def __init__(self, path):
        self.path, self.count, self.stop = path, 0, threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self.stop.is_set():
            try:
                ask(self.path, stop=self.stop)
            except OSError:
                time.sleep(0.05)
            self.count += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join(ANSWER_S_MAX)


# ---- Tests ----

def test_broken_answers_never_look_whole(board):
    before = good()["broken"]
    for path in BAD:
        for version in ("1.1", "1.0"):
            answer, reset = ask(path, version)
            assert reset, f"{path}, HTTP/{version}: {answer[-60:]!r}, and no reset"
            assert not looks_whole(answer), f"{path}: {answer[-60:]!r} looks whole"
        others_live(path)
    assert good()["broken"] == before + 2 * len(BAD), "each is counted"
    for path in BAD:
        board.wait_said(f"http: {path}: ")


def test_a_body_route_that_takes_too_much(board):
    before = good()["broken"]
    answer, reset = ask("/greedy", method="PUT", body="hello")
    assert reset and answer == b"", f"reset {reset}, {answer!r}"
    assert good()["broken"] == before + 1, "it is counted"
    board.wait_said("http: /greedy: ")
    others_live("/greedy")


def test_a_body_that_is_held_back_again_and_again(_):
    """Linux's TCP sends again what found no room only when its timer says so, after 0.2, 0.4, 0.8 s …: nothing must come to that."""
    begin = time.monotonic()
    answer, reset = ask("/slow", method="PUT", body="x" * 20000)
    assert answer.startswith(b"HTTP/1.1 204 ") and not reset, f"reset {reset}, {answer[:80]!r}"
    took = time.monotonic() - begin
    assert took < SLOW_S_MAX, f"{took:.1f} s, where 200 bytes are taken each 10 ms"


def test_others_live_beside_those_that_wait(_):
    """A route that never decides, or takes nothing of a body, costs its own connection, and that as long as the client likes."""
    for path, method in WAITING:
        for _ in range(2):
            with socket.create_connection((BOARD, 80), ANSWER_S_MAX) as connection:
                connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: {BOARD}\r\nContent-Length: 5\r\n\r\nhello"
                                   .encode() if method == "PUT" else
                                   f"{method} {path} HTTP/1.1\r\nHost: {BOARD}\r\n\r\n".encode())
                connection.settimeout(1)
                try:
                    answer = connection.recv(65536)
                except socket.timeout:
                    answer = None
                assert answer is None, f"{path}: {answer!r}, where nothing is decided"
                others_live(path)
    others_live("nobody")


def test_a_client_that_vanished_while_a_route_waits(_):
    """Its address is taken away, so that nothing answers for it any more; the board finds out by itself."""
    tap.ip("address", "add", OTHER, "dev", tap.TAP)
    with socket.create_connection((BOARD, 80), ANSWER_S_MAX, source_address=(OTHER.split("/", maxsplit=1)[0], 0)) as connection:
        connection.sendall(f"GET /later HTTP/1.1\r\nHost: {BOARD}\r\n\r\n".encode())
        time.sleep(1)
        before = good()["open"]
        tap.ip("address", "del", OTHER, "dev", tap.TAP)
        begin = time.monotonic()
        while good()["open"] >= before:
            assert time.monotonic() - begin < VANISHED_S_MAX, f"still open after {VANISHED_S_MAX} s"
            time.sleep(1)
        assert time.monotonic() - begin > 5, "ended before it was asked"


def test_others_live_beside_each(_):
    for path in (*BAD, "/many", "/endless"):
        with Beside(path) as beside:
            end = time.monotonic() + 1.5
            while time.monotonic() < end:
                others_live(path)
        assert beside.count > 0, f"{path} was not asked"


def test_more_parts_than_16_bits(_):
    answer, reset = ask("/many")
    assert not reset and body_of(answer) == b"x" * MANY, f"reset {reset}, {len(answer)} bytes"


def test_posts_that_return_nonsense(board):
    for status in ("1", "99", "100", "205", "206", "407", "426", "600", "1000", "nothing"):
        answer, reset = ask("/status", method="POST", body=status)
        assert not reset and answer.startswith(b"HTTP/1.1 500 Internal Server Error\r\n"), f"{status}: {answer!r}"
    board.wait_said("http: /status: ")
    answer, _ = ask("/status", method="POST", body="200")  # a route without `part`
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n") and answer.endswith(b"\r\n\r\nOK\n"), answer
    others_live("nonsense")


def test_an_erase_of_flash_stops_everything_for_a_second(board):
    """Connections that were open go on behind it, and nothing was reset."""
    with socket.create_connection((BOARD, 80), ANSWER_S_MAX) as kept, Beside("/endless"):
        def keep_alive():
            kept.sendall(f"GET /good HTTP/1.1\r\nHost: {BOARD}\r\n\r\n".encode())
            data = bytearray()
            while not data.endswith(b"0\r\n\r\n"):
                piece = kept.recv(65536)
                assert piece, "the connection is closed"
                data += piece
            return json.loads(body_of(bytes(data)))["uptime_ms"]

        before = keep_alive()
        for _ in range(2):
            answer, reset = ask("/erase", method="POST")
            assert not reset and answer.startswith(b"HTTP/1.1 " + (b"200" if board.has_scratch else b"404")), answer[:80]
        assert keep_alive() >= before, "the board has started anew"
        others_live("an erase")


TESTS = [(name[5:], test) for name, test in list(globals().items()) if name.startswith("test_")]


class Board(tap.Program):
    def __init__(self, flavour):
        super().__init__([*FLAVOURS[flavour], os.path.join(IMAGES, flavour, "bad.elf")])
        self.has_scratch = FLAVOURS[flavour] is VBOARD

    def start(self):
        self.tap_wait(START_S_MAX)
        tap.ip("address", "replace", PC, "dev", tap.TAP)
        self.wait(self.serves, START_S_MAX, "no answer")

    @staticmethod
    def serves():
        try:
            return bool(good())
        except OSError:
            return False

    def wait_said(self, text):
        """The serial port is slower than the network."""
        self.wait(lambda: text in self.said(), LATE_S_MAX, f"the log doesn't say {text!r}")


def main(flavours):
    failed = 0
    for flavour in flavours or FLAVOURS:
        if flavour == "freertos" and not os.environ.get("FREERTOS_KERNEL_PATH"):
            print("skip bad handlers, freertos: FREERTOS_KERNEL_PATH is not set")
            continue
        try:
            with Board(flavour) as board:
                board.start()
                for name, test in TESTS:
                    try:
                        test(board)
                        print(f"ok bad handlers, {flavour}: {name}", flush=True)
                    except (AssertionError, OSError, ValueError, IndexError) as error:
                        failed += 1
                        print(f"not ok bad handlers, {flavour}: {name}: {' '.join(str(error).split())[:400]}", flush=True)
        except (AssertionError, OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
            failed += 1
            print(f"not ok bad handlers, {flavour}: starts: {' '.join(str(error).split())[:400]}")
    return 1 if failed else 0


if __name__ == "__main__":
    tap.namespaces_enter("bad handlers")
    tap.ip("link", "set", "lo", "up")
    sys.exit(main(sys.argv[1:]))
