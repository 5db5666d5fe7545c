#!/usr/bin/env python3
"""The product example, examples/meter, as its users meet it: programs of this machine, and Chromium on its page.

    test/meter/test_meter.py [FLAVOUR …]          images: make images

    this machine's kernel ─ TAP device ─ cable ─ board          in a network namespace of its own

Screenshots go to build/screenshots. Prints "ok NAME", "not ok NAME: why" and "skip NAME: why" lines (tool/suites.py).
"""
# SPDX-License-Identifier: MIT
import base64
import hashlib
import http.client
import json
import math
import os
import random
import re
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), os.path.join(os.path.dirname(HERE), "browser")]
import tap  # noqa: E402
import webdriver  # noqa: E402

IMAGES = os.path.join(tap.ROOT, "build/test/meter")
SHOTS = os.path.join(tap.ROOT, "build", "screenshots")
BOARD, PC = "10.103.210.65", "10.103.210.66"  # of the virtual board's unique ID
VBOARD = ["build/vboard/vboard", "--tap", tap.TAP]
FLAVOURS = {"none": VBOARD, "freertos": VBOARD}
START_S_MAX, ANSWER_S_MAX, LATE_S_MAX, PAGE_S_MAX = 60, 60, 20, 60
SCPI_PORT, UDP_PORT = 2323, 5005
SAMPLE_MS, JITTER_MS_MAX = 50, 5
SILENT_S = 10  # scpi.c: who may give way to others
SMALL_WINDOW = 2304  # bytes of receive buffer, Linux's least
FIRST = {"name": "Meter", "host": "meter", "amplitude_v": 1.0, "noise_v": 0.04, "frequency_hz": 0.5, "telemetry": True}
RIGHT = {"Authorization": "Bearer secret"}
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def ask(method, path, body=None, headers=None, host=BOARD):
    """(status, headers, body) of one request on a connection of its own."""
    connection = http.client.HTTPConnection(host, timeout=ANSWER_S_MAX)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def settings():
    status, _, body = ask("GET", "/settings")
    assert status == 200, status
    return json.loads(body)


def settings_put(wanted, headers=None):
    body = wanted if isinstance(wanted, bytes) else json.dumps(wanted).encode()
    return ask("PUT", "/settings", body, RIGHT if headers is None else headers)


def others_live(what):
    begin = time.monotonic()
    assert ask("GET", "/style.css", headers={"Accept-Encoding": "gzip"})[0] == 200
    assert time.monotonic() - begin < LATE_S_MAX, f"a file took {time.monotonic() - begin:.1f} s beside {what}"


class Beside(threading.Thread):
    """A function in a thread; `end` returns its result, or raises what it raised."""

    def __init__(self, function, *arguments):
        super().__init__(daemon=True)
        self.function, self.arguments, self.result, self.failed = function, arguments, None, None
        self.start()

    def run(self):
        try:
            self.result = self.function(*self.arguments)
        except Exception as error:  # pylint: disable=broad-except
            self.failed = error

    def end(self):
        self.join(ANSWER_S_MAX)
        assert not self.is_alive(), f"{self.function.__name__} doesn't end"
        if self.failed:
            raise self.failed
        return self.result


# ---- Live data ----

def events(count):
    """So many samples of GET /events, as JSON."""
    connection = http.client.HTTPConnection(BOARD, timeout=ANSWER_S_MAX)
    try:
        connection.request("GET", "/events")
        answer = connection.getresponse()
        assert answer.status == 200 and answer.getheader("Content-Type") == "text/event-stream", answer.status
        seen = []
        while len(seen) < count:
            line = answer.readline()
            assert line, "the stream ended"
            if line.startswith(b"data: "):
                seen.append(json.loads(line[6:]))
        return seen
    finally:
        connection.close()


def in_time(seen, what):
    for one, other in zip(seen, seen[1:]):
        assert other["n"] == one["n"] + 1, f"{what}: {other['n']} follows {one['n']}"
        passed = other["ms"] - one["ms"]
        assert abs(passed - SAMPLE_MS) <= JITTER_MS_MAX, f"{what}: {passed} ms between two samples"


def test_events(_):
    begin = time.monotonic()
    seen = events(40)
    took = time.monotonic() - begin
    in_time(seen, "events")
    assert took > 40 * SAMPLE_MS / 1000 * 0.5, f"40 samples in {took:.1f} s: not live"
    assert all(set(one) == {"n", "ms", "volts", "load_permille", "button"} for one in seen), seen[0]
    assert all(0 < one["load_permille"] <= 1000 for one in seen[25:]), seen[-1]


def test_samples_are_those_of_the_log(_):
    seen = events(20)
    rows = log_rows(seen[-1]["n"] + 1)
    for one in seen:
        assert float(rows[one["n"]][2]) == one["volts"], f"{rows[one['n']]}, and as an event {one}"


def test_events_beside_up_and_download(_):
    """Six readers beside an upload, a download and pages."""
    data = random.randbytes(1_000_000)
    six = [Beside(events, 100) for _ in range(6)]
    work = [Beside(upload, data), Beside(log_rows, 50000)]
    for _ in range(10):
        others_live("six readers, an upload and a download")
    assert work[0].end()["length"] == len(data)
    assert len(work[1].end()) == 50000
    for one in six:
        in_time(one.end(), "beside others")


def test_events_beside_a_download_without_end(_):
    """It is read as fast as it comes, so memory is short all the time; events have their turn."""
    with socket.create_connection((BOARD, 80), ANSWER_S_MAX) as client:
        client.sendall(f"GET /log.csv?rows=10000000 HTTP/1.1\r\nHost: {BOARD}\r\n\r\n".encode())
        got = 0

        def read():
            nonlocal got
            try:
                while piece := client.recv(65536):
                    got += len(piece)
            except OSError:
                pass

        reader = Beside(read)
        begin, before = time.monotonic(), got
        in_time(events(40), "beside a download")
        took = time.monotonic() - begin
        assert took < LATE_S_MAX, f"40 events took {took:.1f} s"
        assert got - before > 100_000, "and the download goes on"
        client.shutdown(socket.SHUT_RDWR)
        reader.end()


def test_button(board):
    def pressed():
        return events(1)[0]["button"]

    assert not pressed()
    board.ask("button 1")
    try:
        assert pressed()
    finally:
        board.ask("button 0")
    assert not pressed()


# ---- WebSocket ----

class WebSocket:
    """A client for GET /ws, frames made by hand (RFC 6455)."""

    def __init__(self, origin=None):
        self.between = []
        self.socket = socket.create_connection((BOARD, 80), ANSWER_S_MAX)
        key = base64.b64encode(random.randbytes(16))
        lines = [b"GET /ws HTTP/1.1", b"Host: " + BOARD.encode(), b"Upgrade: websocket", b"Connection: Upgrade",
                 b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: " + key]
        if origin:
            lines.append(b"Origin: " + origin.encode())
        self.socket.sendall(b"\r\n".join(lines) + b"\r\n\r\n")
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        head = b"".join(iter(self.file.readline, b"\r\n"))
        if self.status == 101:
            accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
            assert accept in head, head

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def send(self, kind, payload, fin=True):
        length, mask = len(payload), random.randbytes(4)
        size = (struct.pack("!B", 0x80 | length) if length < 126 else struct.pack("!BH", 0x80 | 126, length)
                if length < 65536 else struct.pack("!BQ", 0x80 | 127, length))
        stream = (mask * (length // 4 + 1))[:length]
        body = (int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")).to_bytes(length, "big")
        self.socket.sendall(bytes([fin << 7 | kind]) + size + mask + body)

    def frame(self):
        first, length = self.file.read(2)
        assert length < 128, "a server's frame with a mask"
        if length >= 126:
            length = int.from_bytes(self.file.read(2 if length == 126 else 8), "big")
        return first & 15, bool(first & 128), self.file.read(length)

    def message(self):
        """(kind, payload) of the next message, or of a control frame, which may come within a message."""
        if self.between:
            return self.between.pop(0)
        kind, fin, payload = self.frame()
        while not fin:
            more, end, part = self.frame()
            assert more in (0, PING, PONG), f"a frame of kind {more} within a message"
            if more:
                self.between.append((more, part))
            else:
                payload, fin = payload + part, end
        return kind, payload

    def sample(self):
        while True:
            kind, payload = self.message()
            if kind == TEXT and payload.startswith(b"{"):
                return json.loads(payload)

    def echo(self):
        """The next message that is no sample."""
        while True:
            kind, payload = self.message()
            if kind != TEXT or not payload.startswith(b"{"):
                return kind, payload


def test_socket_samples(_):
    with WebSocket() as one, WebSocket() as two:
        for client in (one, two):
            assert client.status == 101, client.status
            in_time([client.sample() for _ in range(30)], "a WebSocket")


def test_socket_echo(_):
    with WebSocket(f"http://{BOARD}") as client:
        for payload in (b"hello", b"", b"x" * 125, b"y" * 126, random.randbytes(300).hex().encode(), "größer 😀".encode()):
            client.send(TEXT, payload)
            assert client.echo() == (TEXT, payload), payload[:20]
        for size in (0, 1, 256, 257, 65535, 65536, 200000):
            payload = random.randbytes(size)
            client.send(BINARY, payload)
            kind, back = client.echo()
            assert kind == BINARY and back == payload, f"{size} bytes: {len(back)} came back"
        client.send(TEXT, b"cut ", fin=False)
        client.send(0, b"in ", fin=False)
        client.send(PING, b"between")
        client.send(0, b"pieces")
        assert sorted([client.echo(), client.echo()]) == [(TEXT, b"cut in pieces"), (PONG, b"between")]
        client.sample()
        client.send(CLOSE, struct.pack("!H", 1000))
        assert client.echo() == (CLOSE, struct.pack("!H", 1000))
        assert client.file.read(1) == b""


def test_sockets_are_limited(_):
    """Four sessions; a fifth is told, and a place is free again when one has left."""
    four = [WebSocket() for _ in range(4)]
    try:
        assert [one.status for one in four] == [101] * 4
        with WebSocket() as fifth:
            assert fifth.status == 503, fifth.status
        four.pop().__exit__()
        end = time.monotonic() + ANSWER_S_MAX
        while True:
            with WebSocket() as again:
                if again.status == 101:
                    break
            assert time.monotonic() < end, "no place is free"
            time.sleep(0.1)
    finally:
        for one in four:
            one.__exit__()


def test_foreign_pages(_):
    foreign = {"Origin": "http://elsewhere.example"}
    assert ask("PUT", "/upload", b"x", foreign)[0] == 403
    assert ask("PUT", "/upload", b"x", {"Sec-Fetch-Site": "cross-site"})[0] == 403
    assert ask("PUT", "/upload", b"x", {"Origin": f"http://{BOARD}"})[0] == 200
    assert settings_put({}, {**RIGHT, **foreign})[0] == 403
    assert ask("GET", "/settings", headers={"Host": "elsewhere.example"})[0] == 421
    with WebSocket("http://elsewhere.example") as client:
        assert client.status == 403, client.status


# ---- Upload, log ----

def upload(data, chunked=False):
    status, headers, body = ask("PUT", "/upload", iter([data[i:i + 5000] for i in range(0, len(data), 5000)])
                                if chunked else data)
    assert status == 200 and headers["Content-Type"] == "application/json", (status, body)
    return json.loads(body)


def counted(data):
    return {"length": len(data), "crc32": f"{zlib.crc32(data):08x}"}


def test_upload(_):
    for size in (0, 1, 65536, 3_000_000):
        data = random.randbytes(size)
        said = upload(data)
        assert said == counted(data), f"{size} bytes: {said}"
    data = random.randbytes(123457)
    assert upload(data, chunked=True) == counted(data), "in chunks"
    assert ask("GET", "/upload")[0] == 405


def test_two_uploads_at_once(_):
    both = [random.randbytes(700_000), random.randbytes(500_000)]
    work = [Beside(upload, data) for data in both]
    others_live("two uploads")
    for data, one in zip(both, work):
        assert one.end() == counted(data)


def test_an_upload_that_breaks_off(_):
    """It costs its own connection only."""
    for _ in range(15):  # more than there are connections
        with socket.create_connection((BOARD, 80), ANSWER_S_MAX) as client:
            client.sendall(f"PUT /upload HTTP/1.1\r\nHost: {BOARD}\r\nContent-Length: 4000000\r\n\r\n".encode()
                           + random.randbytes(3000))
    assert upload(b"after") == counted(b"after")


def log_rows(count):
    status, headers, body = ask("GET", f"/log.csv?rows={count}")
    assert status == 200 and headers["Content-Type"].startswith("text/csv"), status
    lines = body.decode("ascii").split("\r\n")
    assert lines[0] == "sample,seconds,volts" and lines[-1] == "", (lines[0], lines[-1])
    return [line.split(",") for line in lines[1:-1]]


def test_log(_):
    """Complete, in order, and a sine of these settings with no more noise than they say."""
    now = settings()
    rows = log_rows(200_000)
    assert len(rows) == 200_000, len(rows)
    for number, (n, seconds, volts) in enumerate(rows):
        assert int(n) == number and seconds == f"{number * SAMPLE_MS // 1000}.{number * SAMPLE_MS // 10 % 100:02}", (n, seconds)
        sine = now["amplitude_v"] * math.sin(2 * math.pi * now["frequency_hz"] * float(seconds))
        # What is added with each row: a step is counted in 2^-32 turns.
        limit = now["noise_v"] + now["amplitude_v"] * (0.003 + number * 2e-9) + 0.001
        assert abs(float(volts) - sine) <= limit, f"row {number}: {volts} V, the sine is {sine:.3f}"
    assert rows[1000:1010] == log_rows(1010)[1000:]
    assert log_rows(0) == []


def test_log_of_nonsense(_):
    for query in ("", "?", "?rows=", "?rows=x", "?rows=-1", "?rows=1.5", "?rows=10000001", "?rows=99999999999999", "?row=5"):
        status, headers, body = ask("GET", "/log.csv" + query)
        assert headers["Content-Type"] == "text/plain", headers
        assert status == 400 and b"rows: a number from 0 to 10000000" in body, (query, status, body)


def test_a_reader_that_stops(_):
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_WINDOW)
        client.settimeout(ANSWER_S_MAX)
        client.connect((BOARD, 80))
        client.sendall(f"GET /log.csv?rows=10000000 HTTP/1.1\r\nHost: {BOARD}\r\n\r\n".encode())
        client.recv(1000)
        in_time(events(40), "beside a reader that stops")
        assert len(log_rows(20000)) == 20000
        others_live("a reader that stops")


# ---- Settings ----

def test_settings(_):
    assert settings() == FIRST, settings()
    wanted = {"name": "Küche", "host": "meter", "amplitude_v": 2.5, "noise_v": 0, "frequency_hz": 2, "telemetry": True}
    try:
        status, _, body = settings_put(wanted)
        assert status == 200 and json.loads(body) == wanted == settings(), (status, body)
        volts = [one["volts"] for one in events(25)]
        assert max(volts) > 2.2 and min(volts) < -2.2 and max(volts) <= 2.5, (min(volts), max(volts))
        status, _, _ = settings_put({"amplitude_v": 0.25})
        assert status == 200 and settings() == {**wanted, "amplitude_v": 0.25}, "what is absent stays"
    finally:
        assert settings_put(FIRST)[0] == 200


def test_settings_need_the_password(_):
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer secre"}, {"Authorization": "secret"},
                    {"Authorization": "Bearer secret2"}, {"Authorization": "Bearer " + "x" * 30}):
        status, said, _ = settings_put({"name": "stolen"}, headers)
        assert status == 401 and said["WWW-Authenticate"] == 'Bearer realm="meter"', (headers, status)
    assert settings() == FIRST


def test_settings_that_are_wrong(_):
    """Each is refused by a reason that names it, and changes nothing: also what stood before it."""
    cases = [
        (b'{"name":"x","volume":3}', "unknown member", "volume"),
        (b'{"name":"x","amplitude_v":"1"}', None, "amplitude_v"),
        (b'{"name":"x","amplitude_v":true}', None, "amplitude_v"),
        (b'{"name":"x","amplitude_v":3.301}', "out of range", "amplitude_v"),
        (b'{"name":"x","amplitude_v":-0.001}', "out of range", "amplitude_v"),
        (b'{"name":"x","frequency_hz":0.04}', "out of range", "frequency_hz"),
        (b'{"name":"x","frequency_hz":0.505}', None, "frequency_hz"),
        (b'{"name":"x","noise_v":1e9}', None, "noise_v"),
        (b'{"telemetry":1}', None, "telemetry"),
        (b'{"name":"twenty-four characters!!"}', None, "name"),
        (b'{"name":5}', None, "name"),
        (b'{"name":"x","host":""}', "letters, digits and inner hyphens", "host"),
        (b'{"name":"x","host":"-x"}', "letters, digits and inner hyphens", "host"),
        (b'{"name":"x","host":"a.b"}', "letters, digits and inner hyphens", "host"),
        (b'{"name":"x","host":"' + b"a" * 33 + b'"}', None, "host"),
        (b'{"name":"x","name":"y"}', None, "name"),
        (b'{"name":"x"} x', None, None), (b'{"name":"x"', None, None), (b"[]", None, None), (b"", None, None),
        (b'{"name":"\xff"}', None, "name"),
    ]
    for body, error, member in cases:
        status, headers, answer = settings_put(body)
        said = json.loads(answer)
        assert status == 400 and headers["Content-Type"] == "application/json", (body, status, answer)
        assert said["error"] == error if error else said["error"], (body, said)
        assert said.get("member") == member, (body, said)
        assert settings() == FIRST, f"{body} has changed something"
    assert settings_put(b'{"name":"' + b"x" * 300 + b'"}')[0] == 413
    assert settings() == FIRST


def test_settings_at_once(_):
    """Two bodies under way: one is told to come again, none is mixed."""
    with socket.create_connection((BOARD, 80), ANSWER_S_MAX) as slow:
        slow.sendall(f"PUT /settings HTTP/1.1\r\nHost: {BOARD}\r\nAuthorization: Bearer secret\r\nContent-Length: 14\r\n\r\n"
                     '{"name":'.encode())
        end = time.monotonic() + ANSWER_S_MAX
        while settings_put({"name": "other"})[0] != 503:
            assert time.monotonic() < end, "the slow one's body isn't there"
        slow.sendall(b'"mine"')
        slow.shutdown(socket.SHUT_WR)
        assert b" 400 " in slow.recv(100), "its body is one byte short of an object"
    assert settings_put(FIRST)[0] == 200


def dns_says(name):
    """The board's address by its own DNS server; None: no such name of its."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(ANSWER_S_MAX)
        client.sendto(struct.pack(">HHHHHH", 0x1234, 0x0100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1", (BOARD, 53))
        answer = client.recv(600)
    return socket.inet_ntoa(answer[-4:]) if struct.unpack(">H", answer[6:8])[0] else None


def mdns_says(name):
    """What the board multicasts or answers for NAME within two seconds: whether it has that name."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(PC))
        client.settimeout(2)
        client.sendto(struct.pack(">HHHHHH", 0, 0, 1, 0, 0, 0) + labels + b"\0\0\1\0\1", ("224.0.0.251", 5353))
        try:
            return socket.inet_aton(BOARD) in client.recv(1500)
        except TimeoutError:
            return False


def test_its_name_changes(_):
    """DNS, mDNS and the Host check follow at once; the old name is nobody's."""
    def host_status(name):
        return ask("GET", "/settings", headers={"Host": name})[0]

    assert [host_status(f"{one}.{domain}") for one in ("meter", "pump-2") for domain in ("local", "internal")] == [200, 200, 421, 421]
    assert dns_says("meter.internal") == BOARD and dns_says("pump-2.internal") is None
    try:
        status, _, body = settings_put({"host": "pump-2"})
        assert status == 200 and json.loads(body)["host"] == "pump-2", (status, body)
        assert [host_status(f"{one}.{domain}") for one in ("meter", "pump-2") for domain in ("local", "internal")] == [421, 421, 200, 200]
        assert dns_says("meter.internal") is None and dns_says("pump-2.internal") == BOARD
        end = time.monotonic() + LATE_S_MAX
        while not mdns_says("pump-2.local"):
            assert time.monotonic() < end, "mDNS doesn't know the new name"
        assert not mdns_says("meter.local"), "mDNS still knows the old name"
    finally:
        assert settings_put(FIRST)[0] == 200
    assert host_status("meter.local") == 200 and host_status("pump-2.local") == 421


def test_settings_are_kept(board):
    """Over the reset key, a power cut, and a power cut right behind a save."""
    wanted = {**FIRST, "name": "Kept", "host": "kept", "noise_v": 0.125, "telemetry": False}
    try:
        assert settings_put(wanted)[0] == 200
        for command in ("reset", "power 0", "power 1"):
            board.ask(command)
            if command != "power 0":
                board.wait(lambda: board.serves() and settings() == wanted, START_S_MAX, f"the settings behind '{command}'")
                assert ask("GET", "/settings", headers={"Host": "kept.local"})[0] == 200
        for number in range(5):
            wanted["frequency_hz"] = 1.0 + number / 4
            assert settings_put(wanted)[0] == 200
            board.ask("power 0")
            board.ask("power 1")
            board.wait(lambda: board.serves() and settings() == wanted, START_S_MAX, f"the settings of save {number}")
    finally:
        settings_put(FIRST)


def store_image(schema, settings_bytes):
    """The settings' area with one half that holds this value (store/record.h)."""
    generation, begin = 1, 104
    head_of_record = bytes([0x50, 8]) + struct.pack("<H", len(settings_bytes))
    check = zlib.crc32(head_of_record, generation << 16 ^ begin // 8)
    body = b"settings" + settings_bytes
    record = head_of_record + struct.pack("<I", check) + body + struct.pack("<I", zlib.crc32(body, check))
    record += bytes(-len(record) % 8)
    head = struct.pack("<IIIIHH", 0x01534E50, generation, 1, 0, schema, (begin + len(record)) // 8)
    heads = b"".join(head + struct.pack("<I", zlib.crc32(head, number)) for number in range(3))
    mark = bytes([0x39, 0, 0, 0])
    witness = mark + struct.pack("<I", zlib.crc32(mark, generation << 16 ^ len(heads) // 8))
    return (heads + witness).ljust(begin, b"\xff") + record


def test_settings_that_stop_nothing(board):
    """What is no name of this version's is not taken; the board starts nevertheless, with its defaults."""
    def found(schema, host):
        value = struct.pack("<hhh?24s33s", 1000, 40, 50, True, b"Found", host)
        with tempfile.NamedTemporaryFile(suffix=".flash") as flash:
            flash.write(b"\xff" * 0x4000 + store_image(schema, value).ljust((1 << 20) - 0x4000, b"\xff"))
            flash.flush()
            done = subprocess.run(["build/vboard/vboard", "--fast", "--for", "1", "--flash", flash.name, "--pcap", flash.name + ".pcap",
                                   os.path.join(IMAGES, board.flavour, "meter.elf")], cwd=tap.ROOT, text=True, capture_output=True,
                                  timeout=START_S_MAX, check=False)
            with open(flash.name + ".pcap", "rb") as file:
                sent = file.read()
            os.unlink(flash.name + ".pcap")
        assert "leased" in done.stdout and "panic" not in done.stdout, done.stdout
        return next(name for name in (b"kept", b"meter") if bytes([len(name)]) + name + b"\x05local" in sent)

    assert found(1, b"kept") == b"kept", "the image of this test isn't read"
    assert found(1, b"no name") == b"meter" and found(2, b"kept") == b"meter"


# ---- UDP, TCP ----

def test_telemetry(_):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind((PC, UDP_PORT))
        receiver.settimeout(ANSWER_S_MAX)
        receiver.sendto(b"nobody hears this", (BOARD, UDP_PORT))
        seen = []
        while len(seen) < 20:
            data, (address, port) = receiver.recvfrom(2000)
            assert (address, port) == (BOARD, UDP_PORT), (address, port)
            seen.append(json.loads(data))
        for one, other in zip(seen, seen[1:]):
            assert other["n"] - one["n"] == 2, f"{other['n']} follows {one['n']}"
        assert settings_put({"telemetry": False})[0] == 200
        try:
            receiver.settimeout(1.5)
            count = 0
            while True:
                receiver.recv(2000)
                count += 1
                assert count < 20, "it goes on though it is off"
        except TimeoutError:
            pass
        finally:
            assert settings_put(FIRST)[0] == 200
        receiver.settimeout(ANSWER_S_MAX)
        receiver.recv(2000)


class Scpi:
    def __init__(self, small=False):
        self.socket = socket.socket()
        if small:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_WINDOW)
        self.socket.settimeout(ANSWER_S_MAX)
        self.socket.connect((BOARD, SCPI_PORT))
        self.file = self.socket.makefile("r", encoding="ascii", newline="\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def ask(self, line):
        self.socket.sendall(line.encode() + b"\n")
        return self.file.readline().rstrip("\n")


IDENTITY = r"Example,Meter,[0-9A-F]{24},\d+\.\d+\.\d+"


def scpi_alone(what):
    """As soon as there is a place."""
    end = time.monotonic() + ANSWER_S_MAX
    while True:
        try:
            with Scpi() as client:
                said = client.ask("*IDN?")
                assert re.fullmatch(IDENTITY, said), f"{said!r} beside {what}"
                return
        except OSError:
            assert time.monotonic() < end, f"no place beside {what}"
            time.sleep(0.2)


def test_scpi(_):
    clients = [Scpi() for _ in range(4)]
    try:
        for _ in range(20):
            for client in clients:
                assert re.fullmatch(IDENTITY, client.ask("*IDN?"))
        assert -1.1 < float(clients[0].ask("meas:volt?\r")) < 1.1
        assert int(clients[1].ask("SYST:UPT?")) > 0
        assert clients[2].ask("hello").startswith("ERROR: ")
        assert clients[3].ask("x" * 65).startswith("ERROR: longer")
        assert clients[3].ask("x" * 5000).startswith("ERROR: longer")
        assert re.fullmatch(IDENTITY, clients[3].ask("*IDN?")), "after a line that is too long"
    finally:
        for client in clients:
            client.__exit__()
    with Scpi() as client:
        client.socket.sendall(b"*IDN?\n" * 300)
        answers = [client.file.readline() for _ in range(300)]
        assert all(re.fullmatch(IDENTITY + "\n", one) for one in answers), answers[:3]
        for piece in (b"*I", b"D", b"N?", b"\n"):
            client.socket.sendall(piece)
        assert re.fullmatch(IDENTITY + "\n", client.file.readline())
        client.socket.sendall(b"*IDN?\n*IDN?\n")
        client.socket.shutdown(socket.SHUT_WR)
        assert len(client.file.read().splitlines()) == 2, "who says no more gets his answers"


def test_scpi_that_never_reads(_):
    with Scpi(small=True) as deaf:
        deaf.socket.settimeout(2)
        sent = 0
        try:
            while sent < 4_000_000:
                sent += deaf.socket.send(b"*IDN?\n" * 1000)
        except TimeoutError:
            pass
        assert sent < 4_000_000, "it is heard though it doesn't read"
        scpi_alone("one that never reads")
        others_live("one that never reads")
        in_time(events(20), "beside one that never reads")
        assert upload(bytes(100000))["length"] == 100000


def test_scpi_places(_):
    """A fifth client is refused while four speak, and gets the place of one that has been silent for long."""
    four = [Scpi() for _ in range(4)]
    try:
        begin = time.monotonic()
        for client in four:
            client.ask("*IDN?")
        try:
            with Scpi() as fifth:
                assert fifth.ask("*IDN?") == "", "a fifth is served"
        except OSError:
            pass
        while time.monotonic() - begin < SILENT_S + 1:
            four[0].ask("*IDN?")
            time.sleep(0.5)
        scpi_alone("three that are silent")
        assert re.fullmatch(IDENTITY, four[0].ask("*IDN?")), "the one that speaks has its place"
    finally:
        for client in four:
            client.__exit__()


# ---- The page ----

def page_open(browser):
    browser.look(1280, False)
    browser.open(f"http://{BOARD}/")
    browser.wait(lambda: browser.run("return document.querySelector('#state').dataset.state") == "live", PAGE_S_MAX,
                 "the page to be live")


def page_moves(browser, what):
    def picture():
        return browser.run("const c = document.querySelector('#plot'); return [c.toDataURL(), Number(c.dataset.newest)]")

    before = picture()
    browser.wait(lambda: picture()[1] > before[1] + 200 and picture()[0] != before[0], PAGE_S_MAX, f"the plot to move, {what}")
    browser.wait(lambda: browser.run("""const c = document.querySelector('#plot'),
        copy = new OffscreenCanvas(c.width, c.height).getContext('2d', { willReadFrequently: true });
        copy.drawImage(c, 0, 0);
        const d = copy.getImageData(0, 0, c.width, c.height).data; let trace = 0;
        for (let i = 0; i < d.length; i += 4) trace += d[i] > 200 && d[i + 2] < 120 && d[i + 3] > 128; return trace;""") > 1000,
                 PAGE_S_MAX, f"1000 pixels of the trace, {what}")


def page_say(browser, selector, kind):
    browser.wait(lambda: browser.run("return document.querySelector(arguments[0]).dataset.kind", selector) == kind, PAGE_S_MAX,
                 f"{selector} to be {kind}, not {browser.text(selector)!r}")
    return browser.text(selector)


def page_settings(browser):
    browser.wait(lambda: browser.run("return document.querySelector('[name=amplitude_v]').value") == "1", PAGE_S_MAX,
                 "the settings")

    def save(password, **values):
        browser.run("""const f = document.querySelector('#settings').elements;
            for (const [name, value] of Object.entries(arguments[0])) f[name].value = value;
            document.querySelector('#settings-say').dataset.kind = '';""", {**values, "password": password})
        browser.click("#settings button[type=submit]")

    save("wrong", amplitude_v=2)
    assert "Nothing changed" in page_say(browser, "#settings-say", "bad")
    assert settings() == FIRST
    browser.run("document.querySelector('#settings').noValidate = true")
    save("secret", amplitude_v=9)
    assert "amplitude_v: out of range" in page_say(browser, "#settings-say", "bad")
    assert browser.run("return document.querySelector('[name=amplitude_v]').className") == "wrong"
    save("secret", amplitude_v=2, frequency_hz=1, name="Bench meter", host="no good")
    assert "host: letters" in page_say(browser, "#settings-say", "bad")
    save("secret", amplitude_v=2, frequency_hz=1, name="Bench meter", host="bench-1")
    page_say(browser, "#settings-say", "good")
    assert settings() == {**FIRST, "amplitude_v": 2, "frequency_hz": 1, "name": "Bench meter", "host": "bench-1"}, settings()
    assert browser.text("#name") == "Bench meter"
    assert not browser.run("return document.querySelectorAll('#settings .wrong').length"), "a field still looks wrong"
    browser.run("document.querySelector('[name=span][value=\"5\"]').click()")
    browser.wait(lambda: float(browser.text("#highest").split()[0]) > 1.8, PAGE_S_MAX, "the new amplitude on the page")
    browser.wait(lambda: browser.text("#hertz") == "1.00 Hz" or browser.text("#hertz").startswith(("0.9", "1.0")), PAGE_S_MAX,
                 "the new frequency on the page")


def page_looks(browser, flavour):
    for width in (1280, 820, 375):
        for dark in (False, True):
            browser.look(width, dark)
            wide = browser.run("return document.documentElement.scrollWidth")
            assert wide <= width, f"at {width} pixels the page is {wide} wide"
            time.sleep(0.5)
            if width != 820:
                browser.screenshot(os.path.join(SHOTS, f"meter-{flavour}-{width}-{'dark' if dark else 'light'}.png"))
    browser.look(1280, False)


def test_chromium(board):
    assert settings() == FIRST
    try:
        with webdriver.Browser() as browser:
            page_open(browser)
            page_moves(browser, "by events")
            assert browser.run("return document.querySelectorAll('[style], script:not([src]), style').length") == 0
            page_settings(browser)
            browser.click("#random")
            said = page_say(browser, "#upload-say", "good")
            assert "as counted here" in said, said
            browser.click("#log button")
            said = page_say(browser, "#log-say", "good")
            assert said.startswith("20,000 rows"), said
            browser.wait(lambda: browser.text("#echo").endswith(" ms"), PAGE_S_MAX, "the way there and back")
            browser.wait(lambda: 15 <= int(browser.text("#rate")) <= 25, PAGE_S_MAX, "20 samples a second")
            browser.run("document.querySelector('[name=span][value=\"15\"]').click()")
            page_looks(browser, board.flavour)
            browser.run("document.querySelector('[name=source][value=socket]').click()")
            page_moves(browser, "by the WebSocket")
            # What the browser itself says of the three answers that were asked for.
            said = [entry["message"] for entry in browser.entries("browser")]
            wrong = [one for one in said if not ("/settings" in one and re.search(r"status of 40[01]", one))]
            assert not wrong, wrong
            assert len(said) == 3, said
            assert not re.search("NaN|undefined", browser.text("body")), browser.text("body")
    finally:
        settings_put(FIRST)


def test_security(_):
    status, headers, _ = ask("GET", "/", headers={"Accept-Encoding": "gzip"})
    policy = headers.get_all("Content-Security-Policy")
    assert status == 200 and policy and all("default-src 'self'" in one and "unsafe" not in one for one in policy), policy
    assert headers["Content-Encoding"] == "gzip" and headers["X-Content-Type-Options"] == "nosniff"


# With FreeRTOS the same sources run in another thread; what is the browser's, or mere waiting, isn't done twice.
ONCE = ("chromium", "scpi_places", "log", "events", "scpi_that_never_reads", "an_upload_that_breaks_off",
        "settings_that_are_wrong")
TESTS = [(name[5:], test) for name, test in list(globals().items()) if name.startswith("test_")]
FAILURES = (AssertionError, OSError, ValueError, IndexError, KeyError, TypeError, http.client.HTTPException,
            webdriver.BrowserError)


class Board(tap.Program):
    def __init__(self, flavour):
        self.flavour = flavour
        self.control = os.path.join("/tmp", f"plugnet-meter-{os.getpid()}")
        super().__init__([*FLAVOURS[flavour], "--control", self.control, os.path.join(IMAGES, flavour, "meter.elf")])

    def start(self):
        self.tap_wait(START_S_MAX)
        tap.ip("address", "replace", f"{PC}/29", "dev", tap.TAP)
        self.wait(self.serves, START_S_MAX, "no answer")

    @staticmethod
    def serves():
        try:
            return bool(settings())
        except (OSError, http.client.HTTPException):
            return False

    def ask(self, line):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ANSWER_S_MAX)
            connection.connect(self.control)
            connection.sendall(line.encode() + b"\n")
            answer = connection.recv(1000)
        assert answer and not answer.startswith(b"error"), (line, answer)


def run(flavour, only):
    failed = 0
    with Board(flavour) as board:
        board.start()
        for name, test in TESTS:
            title = f"meter, {flavour}: {name}"
            if (only and only not in name) or (flavour != "none" and name in ONCE):
                continue
            if name == "chromium" and webdriver.missing():
                print(f"skip {title}: not installed (package {webdriver.missing()})")
                continue
            try:
                test(board)
                print(f"ok {title}", flush=True)
            except FAILURES as error:
                failed += 1
                print(f"not ok {title}: {type(error).__name__} {' '.join(str(error).split())[:400]}", flush=True)
    return failed


def main(arguments):
    failed = 0
    only = next((one[7:] for one in arguments if one.startswith("--only=")), None)
    for flavour in [one for one in arguments if not one.startswith("--")] or FLAVOURS:
        if flavour == "freertos" and not os.environ.get("FREERTOS_KERNEL_PATH"):
            print("skip meter, freertos: FREERTOS_KERNEL_PATH is not set")
            continue
        try:
            failed += run(flavour, only)
        except FAILURES + (subprocess.SubprocessError,) as error:
            failed += 1
            print(f"not ok meter, {flavour}: starts: {' '.join(str(error).split())[:400]}")
    return 1 if failed else 0


if __name__ == "__main__":
    tap.namespaces_enter("meter")
    tap.ip("link", "set", "lo", "up")
    sys.exit(main(sys.argv[1:]))
