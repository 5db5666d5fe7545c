#!/usr/bin/env python3
"""Server-Sent Events end to end: six readers, one that stops reading, reconnections, heartbeats, and Chromium's EventSource.

    test/events/test_events.py [FLAVOUR …]          images: make images

    this machine's kernel ─ TAP device ─ cable ─ board          in a network namespace of its own

Times between events are the board's. Prints "ok NAME", "not ok NAME: why" and "skip NAME: why" lines (tool/suites.py).
"""
# SPDX-License-Identifier: MIT
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), os.path.join(os.path.dirname(HERE), "browser")]
import tap  # noqa: E402
import webdriver  # noqa: E402

IMAGES = os.path.join(tap.ROOT, "build/test/events")
BOARD, PC = "10.64.1.1", "10.64.1.2/29"  # the firmware's subnet is 10.64.1.0/29
VBOARD = ["build/vboard/vboard", "--tap", tap.TAP]
NATIVE = ["build/pc", "--tap", tap.TAP, "--spawn"]
TSAN = ["test/system/tsan.sh", *NATIVE]
FLAVOURS = {"none": VBOARD, "freertos": VBOARD, "native": NATIVE, "posix": TSAN}
START_S_MAX, ANSWER_S_MAX = 60, 30
EVENT_MS, FAST_MS, JITTER_MS_MAX = 50, 10, 5
SMALL_WINDOW = 2304  # bytes of receive buffer, Linux's least


def status():
    connection = http.client.HTTPConnection(BOARD, timeout=ANSWER_S_MAX)
    try:
        connection.request("GET", "/status")
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


class SmallWindow(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_WINDOW)
        self.sock.settimeout(ANSWER_S_MAX)
        self.sock.connect((self.host, self.port))


class Reader:
    """One GET of a stream, read as the HTML standard says."""

    def __init__(self, path, last_id=None, kind=http.client.HTTPConnection):
        self.connection = kind(BOARD, timeout=ANSWER_S_MAX)
        self.connection.request("GET", path, headers={"Last-Event-ID": last_id} if last_id else {})
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200 and self.answer.getheader("Content-Type") == "text/event-stream", self.answer.status
        self.last_id, self.retry, self.comments, self.ended = last_id, None, 0, False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.answer.close()
        self.connection.close()

    def next(self):
        """(type, data) of the next event; None at the end."""
        kind, data, id_ = "message", [], self.last_id
        while line := self.answer.readline():
            field, colon, value = line.rstrip(b"\n").decode().partition(":")
            value = value.removeprefix(" ")
            if line == b"\n":
                self.last_id = id_
                if data:
                    return kind, "\n".join(data)
            elif not field and colon:
                self.comments += 1
                return "comment", value
            elif field == "event":
                kind = value
            elif field == "data":
                data.append(value)
            elif field == "id":
                id_ = value
            elif field == "retry":
                self.retry = int(value)
            else:
                raise AssertionError(f"a line {line!r}")
        self.ended = True
        return None

    def number(self):
        """n and ms of the next message."""
        kind, data = self.next()
        assert kind == "message", (kind, data)
        said = json.loads(data)
        return said["n"], said["ms"]


class Beside(threading.Thread):
    """Reads events until told to stop."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.reader, self.seen, self.failed, self.stop = Reader(path), [], None, threading.Event()
        self.start()

    def run(self):
        try:
            while not self.stop.is_set():
                self.seen.append(self.reader.number())
        except (AssertionError, OSError, ValueError, TypeError, http.client.HTTPException) as error:
            self.failed = error

    def end(self, every_ms):
        """Whole, in order, in time."""
        self.stop.set()
        self.join(ANSWER_S_MAX)
        with self.reader:
            assert self.failed is None, f"a reader: {self.failed!r}"
        for (n, ms), (n_next, ms_next) in zip(self.seen, self.seen[1:]):
            assert n_next == n + 1, f"{n_next} follows {n}"
            assert abs(ms_next - ms - every_ms) <= JITTER_MS_MAX, f"{n_next} was put {ms_next - ms} ms after {n}"
        return len(self.seen)


def readers_wait(stream, number):
    end = time.monotonic() + ANSWER_S_MAX
    while (now := status()[stream]["readers"]) != number:
        assert time.monotonic() < end, f"{now} readers of {stream}, not {number}"
        time.sleep(0.1)


# ---- Tests ----

def fast_wait(count):
    """Until so many have been put into the fast streams."""
    before = status()["fast"]["put"]
    while status()["fast"]["put"] - before < count:
        time.sleep(0.1)


def test_six_readers_beside_one_that_stops(_):
    """That one is told what it has lost, and nobody else notices."""
    before = status()
    with Reader("/fast", kind=SmallWindow) as slow:
        n, _ = slow.number()
        six = [Beside("/events") for _ in range(6)]
        fast = Beside("/fast")
        fast_wait(250)
        counts = [one.end(EVENT_MS) for one in six]
        assert min(counts) >= 40, f"events to six readers: {counts}"
        assert fast.end(FAST_MS) >= 200, "the fast one's"
        assert status()["events"]["lost"] == before["events"]["lost"], "somebody undisturbed has lost events"
        slow_goes_on(slow, n, before["fast"]["lost"])
    readers_wait("fast", 0)
    readers_wait("events", 0)


def test_a_slow_one_is_ended(_):
    before = status()["close"]["closed"]
    with Reader("/close", kind=SmallWindow) as slow:
        n, _ = slow.number()
        fast_wait(150)
        slow_is_ended(slow, n, before)


def slow_goes_on(slow, n, lost_before):
    seen = lost = 0
    while seen < 100 or (not lost and seen < 2000):
        kind, data = slow.next()
        if kind == "lost":
            lost += int(data)
            n += int(data)
        else:
            n += 1
            seen += 1
            assert json.loads(data)["n"] == n, f"{data} instead of {n}"
    assert 0 < lost <= status()["fast"]["lost"] - lost_before, f"told of {lost}"


def slow_is_ended(slow, n, closed_before):
    while event := slow.next():
        n += 1
        assert json.loads(event[1])["n"] == n, f"{event} instead of {n}"
    assert slow.ended
    with Reader("/close", slow.last_id) as again:  # the gap is no reason to end it again
        assert again.number()[0] > n + 1
    assert status()["close"]["closed"] == closed_before + 1


def test_last_event_id(_):
    with Reader("/events") as reader:
        assert reader.number()[0] + 1 == reader.number()[0]
        assert reader.retry == 200
        n, _ = reader.number()
        last_id = reader.last_id
    time.sleep(0.3)
    with Reader("/events", last_id) as again:
        for _ in range(10):
            n += 1
            assert again.number()[0] == n
    epoch, number = last_id.split("-")
    lost = status()["events"]["lost"]
    for unknown in (f"{int(epoch, 16) ^ 1:08x}-{number}", f"{epoch}-7fffffff", "x", "0"):
        with Reader("/events", unknown) as reader:
            assert reader.number()[0] > n, unknown  # from the newest, as this stream has it
    assert status()["events"]["lost"] == lost
    head = http.client.HTTPConnection(BOARD, timeout=ANSWER_S_MAX)
    head.request("HEAD", "/events")
    answer = head.getresponse()
    assert answer.status == 200 and answer.getheader("Content-Type") == "text/event-stream" and answer.read() == b""
    head.close()
    readers_wait("events", 0)


def test_heartbeat(_):
    with Reader("/quiet") as reader:
        begin = time.monotonic()
        assert [reader.next() for _ in range(2)] == [("comment", "")] * 2
        assert time.monotonic() - begin > 1, "two heartbeats in less than a second"


def test_events_of_a_thread(_):
    with Reader("/task") as one, Reader("/task") as two:
        for reader in (one, two):
            n, _ = reader.number()
            for _ in range(30):
                n += 1
                assert reader.number()[0] == n


class Cutter:
    """A port of this machine that leads to the board, and cuts all connections when told to."""

    def __init__(self):
        self.port = socket.create_server(("127.0.0.1", 0))
        self.pairs, self.asked = [], b""
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                inner = self.port.accept()[0]
                outer = socket.create_connection((BOARD, 80), ANSWER_S_MAX)
            except OSError:
                return
            self.pairs += [inner, outer]
            for a, b in ((inner, outer), (outer, inner)):
                threading.Thread(target=self._copy, args=(a, b, a is inner), daemon=True).start()

    def _copy(self, a, b, asks):
        try:
            while data := a.recv(65536):
                self.asked += data if asks else b""
                b.sendall(data)
        except OSError:
            pass
        self._end(a, b)

    @staticmethod
    def _end(*sockets):
        for one in sockets:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        self._end(*self.pairs)
        self.pairs = []


def test_chromium(_):
    cutter = Cutter()
    with webdriver.Browser() as browser:
        browser.open(f"http://localhost:{cutter.port.getsockname()[1]}/")
        browser.run("""window.seen = []; window.opened = 0;
            window.source = new EventSource('/events');
            source.onopen = () => opened++;
            source.onmessage = event => seen.push([JSON.parse(event.data).n, event.lastEventId]);""")
        for times in (1, 2, 3):
            count = browser.run("return seen.length")
            browser.wait(lambda count=count: browser.run("return seen.length") >= count + 10, ANSWER_S_MAX)
            assert browser.run("return opened") == times, browser.run("return opened")
            cutter.cut()
        seen = browser.run("source.close(); return seen")
    numbers = [n for n, _ in seen]
    assert numbers == list(range(numbers[0], numbers[0] + len(seen))), f"with gaps, or twice: {numbers}"
    assert cutter.asked.lower().count(b"last-event-id: ") == 2, cutter.asked
    readers_wait("events", 0)


ONLY = {"events_of_a_thread": ("freertos", "posix"), "chromium": ("none",)}
TESTS = [(name[5:], test) for name, test in list(globals().items()) if name.startswith("test_")]
FAILURES = (AssertionError, OSError, ValueError, IndexError, KeyError, TypeError, http.client.HTTPException,
            webdriver.BrowserError)


class Board(tap.Program):
    def __init__(self, flavour):
        self.flavour = flavour
        super().__init__([*FLAVOURS[flavour], os.path.join(IMAGES, flavour, "events.elf")])

    def start(self):
        self.tap_wait(START_S_MAX)
        tap.ip("address", "replace", PC, "dev", tap.TAP)
        self.wait(self.serves, START_S_MAX, "no answer")

    @staticmethod
    def serves():
        try:
            return bool(status())
        except OSError:
            return False


def main(flavours):
    failed = 0
    for flavour in flavours or FLAVOURS:
        if flavour == "freertos" and not os.environ.get("FREERTOS_KERNEL_PATH"):
            print("skip events, freertos: FREERTOS_KERNEL_PATH is not set")
            continue
        try:
            with Board(flavour) as board:
                board.start()
                for name, test in TESTS:
                    if flavour not in ONLY.get(name, FLAVOURS):
                        continue
                    if name == "chromium" and webdriver.missing():
                        print(f"skip events, {flavour}: {name}: not installed (package {webdriver.missing()})")
                        continue
                    try:
                        test(board)
                        print(f"ok events, {flavour}: {name}", flush=True)
                    except FAILURES as error:
                        failed += 1
                        print(f"not ok events, {flavour}: {name}: {type(error).__name__} {' '.join(str(error).split())[:400]}",
                              flush=True)
                        print(board.said(), flush=True)
        except FAILURES + (subprocess.SubprocessError,) as error:
            failed += 1
            print(f"not ok events, {flavour}: starts: {' '.join(str(error).split())[:400]}")
    return 1 if failed else 0


if __name__ == "__main__":
    tap.namespaces_enter("events")
    tap.ip("link", "set", "lo", "up")
    sys.exit(main(sys.argv[1:]))
