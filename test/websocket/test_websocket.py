#!/usr/bin/env python3
"""WebSocket end to end: each rule by frames made by hand, npm's ws, python3-websockets, and Chromium.

    test/websocket/test_websocket.py [FLAVOUR …]          images: make images

    this machine's kernel ─ TAP device ─ cable ─ board          in a network namespace of its own

Prints "ok NAME", "not ok NAME: why" and "skip NAME: why" lines (tool/suites.py).
"""
# SPDX-License-Identifier: MIT
import base64
import hashlib
import http.client
import http.server
import json
import os
import random
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), os.path.join(os.path.dirname(HERE), "browser")]
import tap  # noqa: E402
import webdriver  # noqa: E402

IMAGES = os.path.join(tap.ROOT, "build/test/websocket")
BOARD, PC = "10.64.1.1", "10.64.1.2/29"  # the firmware's subnet is 10.64.1.0/29
VBOARD = ["build/vboard/vboard", "--tap", tap.TAP]
NATIVE = ["build/pc", "--tap", tap.TAP, "--spawn"]
TSAN = ["test/system/tsan.sh", *NATIVE]
FLAVOURS = {"none": VBOARD, "freertos": VBOARD, "native": NATIVE, "posix": TSAN}
START_S_MAX, ANSWER_S_MAX, LATE_S_MAX, LEAVE_S, LEAVE_S_MAX = 60, 30, 5, 10, 20
SMALL_WINDOW = 2304  # bytes of receive buffer, Linux's least
SESSIONS = 3
NODE = {"NODE_PATH": "/usr/share/nodejs"}
TEXT, BINARY, CLOSE, PING, PONG, FIN = 1, 2, 8, 9, 10, 0x80
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def status():
    connection = http.client.HTTPConnection(BOARD, timeout=ANSWER_S_MAX)
    try:
        connection.request("GET", "/status")
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def status_wait(what, **wanted):
    end = time.monotonic() + ANSWER_S_MAX
    while any((now := status())[key] != value for key, value in wanted.items()):
        assert time.monotonic() < end, f"{what}: {now}, not {wanted}"
        time.sleep(0.05)


def others_live(what):
    begin = time.monotonic()
    status()
    assert time.monotonic() - begin < LATE_S_MAX, f"a page took {time.monotonic() - begin:.1f} s beside {what}"


def masked(payload, mask):
    return bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload)) if len(payload) < 64 else (
        int.from_bytes(payload, "big") ^ int.from_bytes((mask * (len(payload) // 4 + 1))[:len(payload)], "big")
    ).to_bytes(len(payload), "big")


def frame(first, payload=b"", announced=None):
    """As a client must send it; `announced`: the header's bytes for the length instead of the right ones."""
    length = len(payload)
    mask = bytes(random.randrange(256) for _ in range(4))
    if announced is None:
        announced = (struct.pack("!B", length) if length < 126 else struct.pack("!BH", 126, length) if length < 65536
                     else struct.pack("!BQ", 127, length))
    return bytes([first, announced[0] | 0x80]) + announced[1:] + mask + masked(payload, mask)


def closing(code, reason=b""):
    return frame(FIN | CLOSE, struct.pack("!H", code) + reason)


class Refused(Exception):
    pass


class Socket:
    """One WebSocket, by hand."""

    def __init__(self, path, *lines, window=None, version=b"13", begin=b"GET %s HTTP/1.1", address=(BOARD, 80)):
        self.socket = socket.socket()
        if window:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        self.socket.settimeout(ANSWER_S_MAX)
        self.socket.connect(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        key = base64.b64encode(bytes(random.randrange(256) for _ in range(16)))
        self.data = b""
        self.socket.sendall(b"\r\n".join([begin % path.encode(), b"Host: %s:%d" % (address[0].encode(), address[1]), b"Upgrade: websocket",
                                          b"Connection: Upgrade", b"Sec-WebSocket-Key: " + key,
                                          b"Sec-WebSocket-Version: " + version, *lines, b"", b""]))
        while b"\r\n\r\n" not in self.data:
            self._more("handshake")
        self.head, _, self.data = self.data.partition(b"\r\n\r\n")
        self.status = int(self.head.split()[1])
        if self.status == 101:
            accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
            assert b"\r\nSec-WebSocket-Accept: " + accept + b"\r\n" in self.head + b"\r\n", self.head

    def __enter__(self):
        if self.status != 101:
            self.socket.close()
            raise Refused(self.status)
        return self

    def __exit__(self, *_):
        self.socket.close()

    def _more(self, what):
        piece = self.socket.recv(65536)
        if not piece:
            raise EOFError(f"the end, instead of {what}")
        self.data += piece

    def _take(self, count):
        while len(self.data) < count:
            self._more(f"{count} bytes")
        taken, self.data = self.data[:count], self.data[count:]
        return taken

    def send(self, *frames):
        self.socket.sendall(b"".join(frames))

    def next(self):
        """(first byte, payload) of the next frame, which is as a server must send it."""
        first, length = self._take(2)
        assert first & 0x70 == 0, f"reserved bits: {first:#x}"
        assert length < 0x80, "masked"
        if length == 126:
            length = struct.unpack("!H", self._take(2))[0]
            assert length > 125, f"{length} in three bytes"
        elif length == 127:
            length = struct.unpack("!Q", self._take(8))[0]
            assert length > 65535, f"{length} in nine bytes"
        assert first & 8 == 0 or (first & FIN and length <= 125), f"control frame {first:#x}, {length} bytes"
        return first, self._take(length)

    def message(self, control=None):
        """(opcode, payload) of the next message; control frames go to a list."""
        kind, payload = None, b""
        while True:
            first, part = self.next()
            if first & 8:
                assert control is not None, f"{first:#x} {part!r}"
                control.append((first & 15, part))
                continue
            assert (first & 15 == 0) == (kind is not None), f"frame {first:#x} in a message of {kind}"
            kind = kind or first & 15
            payload += part
            if first & FIN:
                return kind, payload

    def is_ended(self, code, reason=None):
        """The server says Close with this code, and closes TCP, first."""
        while (got := self.next())[0] != FIN | CLOSE:
            assert got[0] & 8 == 0, got
        assert struct.unpack("!H", got[1][:2])[0] == code, f"{got[1]!r}, not {code}"
        assert reason is None or got[1][2:] == reason, f"{got[1]!r}, not {reason}"
        self.is_over()

    def is_over(self):
        assert self.data == b"", f"behind the end: {self.data!r}"
        assert self.socket.recv(1) == b"", "no end of TCP"


def answer(*lines, path="/echo", **how):
    one = Socket(path, *lines, **how)
    one.socket.close()
    return one.status, one.head


# ---- Handshake ----

def test_handshake(_):
    assert answer()[0] == 101
    assert b"Extensions" not in answer(b"Sec-WebSocket-Extensions: permessage-deflate")[1]
    for how in ({"version": b"8"}, {"version": b""}, {"begin": b"GET %s HTTP/1.0"}):
        code, head = answer(**how)
        assert code == 426 and b"\r\nSec-WebSocket-Version: 13" in head and b"\r\nUpgrade: websocket" in head, (how, head)
    assert answer(begin=b"POST %s HTTP/1.1")[0] == 405
    assert answer(b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")[0] == 400  # a second one
    assert answer(path="/status")[0] == 200  # no upgrade there
    code, head = answer(b"Sec-WebSocket-Protocol: x, other, echo.plugnet")
    assert code == 101 and b"\r\nSec-WebSocket-Protocol: other" in head, head
    code, head = answer(b"Sec-WebSocket-Protocol: x")
    assert code == 101 and b"\r\nSec-WebSocket-Protocol" not in head, head
    status_wait("after handshakes", open=1)


def test_who_may(_):
    board = BOARD.encode()
    assert answer(b"Origin: http://" + board)[0] == 101
    for origin in (b"http://evil.example", b"null", b"http://" + board + b":81", b"https://" + board):
        assert answer(b"Origin: " + origin)[0] == 403, origin
    assert answer(path="/token")[0] == 401
    assert answer(b"Cookie: token=wrong", path="/token")[0] == 401
    assert answer(b"Cookie: token=secret", path="/token")[0] == 101
    code, head = answer(b"Sec-WebSocket-Protocol: plain, token.secret", path="/token")
    assert code == 101 and b"\r\nSec-WebSocket-Protocol: plain" in head and b"secret" not in head, head


def test_pool_full(_):
    status_wait("before", open=1)
    with Socket("/echo") as one, Socket("/echo") as two, Socket("/echo") as three:
        assert answer()[0] == 503
        for each in (one, two, three):
            each.send(frame(FIN | TEXT, b"here"))
            assert each.message() == (TEXT, b"here")
    status_wait("after", open=1)
    assert answer()[0] == 101


# ---- Messages ----

def test_lengths(_):
    with Socket("/echo") as one:
        for length in (0, 1, 125, 126, 127, 65535, 65536, 70001):
            payload = random.randbytes(length)
            one.send(frame(FIN | BINARY, payload))
            assert one.message() == (BINARY, payload), length
        text = "Ünïcode € 😀 ".encode() * 500
        one.send(frame(FIN | TEXT, text))
        assert one.message() == (TEXT, text)


def test_fragments_around_control_frames(_):
    with Socket("/echo") as one:
        control = []
        one.send(frame(TEXT, b"a\xe2"), frame(FIN | PING, b"1"), frame(0, b"\x82"), frame(0), frame(FIN | PONG, b"unasked"),
                 frame(FIN, b"\xacz"))
        assert one.message(control) == (TEXT, b"a\xe2\x82\xacz")
        assert control in ([(PONG, b"1")], []), control
        while not control:
            first, payload = one.next()
            control.append((first & 15, payload))
        assert control == [(PONG, b"1")], control
        one.send(frame(FIN | PING, b"x" * 125))
        assert one.next() == (FIN | PONG, b"x" * 125)


def test_cut_everywhere(_):
    with Socket("/echo") as one:
        data = frame(BINARY, b"x" * 126) + frame(FIN | PONG) + frame(FIN, b"end")
        for at in range(0, len(data), 1):
            one.send(data[at:at + 1])
            if at < 12 or at > len(data) - 12:
                time.sleep(0.005)
        assert one.message() == (BINARY, b"x" * 126 + b"end")


# ---- What ends a connection ----

def ends(code, *frames, path="/echo"):
    with Socket(path) as one:
        one.send(*frames)
        one.is_ended(code)


def test_protocol_errors(_):
    for bit in (0x40, 0x20, 0x10):
        ends(1002, frame(FIN | TEXT | bit, b"x"))
    for opcode in (3, 7, 11, 15):
        ends(1002, frame(FIN | opcode))
    ends(1002, b"\x81\x01x")  # not masked
    ends(1002, frame(FIN | PING, b"x" * 126))
    ends(1002, frame(PING))  # in fragments
    ends(1002, frame(FIN | 0, b"of nothing"))
    ends(1002, frame(TEXT, b"begun"), frame(FIN | TEXT, b"another"))
    status_wait("protocol errors", code=1002, open=1)


def test_length_errors(_):
    ends(1002, frame(FIN | BINARY, b"", struct.pack("!BH", 126, 125)))
    ends(1002, frame(FIN | BINARY, b"", struct.pack("!BQ", 127, 65535)))
    ends(1002, frame(FIN | BINARY, b"", struct.pack("!BQ", 127, 1 << 63)))
    ends(1009, frame(FIN | BINARY, b"", struct.pack("!BH", 126, 1001)), path="/short")
    ends(1009, frame(FIN | BINARY, b"", struct.pack("!BQ", 127, (1 << 63) - 1)), path="/short")
    ends(1009, frame(BINARY, b"x" * 600), frame(0, b"x" * 400), frame(FIN, b"x"), path="/short")
    with Socket("/short") as one:
        one.send(frame(FIN | BINARY, b"x" * 1000))
        assert one.message() == (BINARY, b"x" * 1000)
    with Socket("/echo") as one:  # no limit: a message of 2^63 - 1 bytes has begun
        one.send(frame(FIN | BINARY, b"x" * 5, struct.pack("!BQ", 127, (1 << 63) - 1)))
        assert one.next() == (BINARY, b"x" * 5)


def test_utf8(_):
    for bad in (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"ok\xc3", b"\xe2\x28\xa1"):
        ends(1007, frame(FIN | TEXT, bad))
    with Socket("/echo") as one:  # across a fragment's edge, as soon as it is certain
        one.send(frame(TEXT, b"ok\xe2"), frame(0, b"\x28"))
        one.is_ended(1007)
    with Socket("/echo") as one:
        one.send(frame(FIN | BINARY, b"\xff\xc0"))
        assert one.message() == (BINARY, b"\xff\xc0")


def test_close_codes(_):
    for code in (1000, 1001, 1003, 1011, 1014, 3000, 4999):
        with Socket("/echo") as one:
            one.send(closing(code, "größer".encode()))
            one.is_ended(code)
    for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535):
        ends(1002, closing(code))
    ends(1002, frame(FIN | CLOSE, b"\x03"))
    ends(1007, closing(1000, b"\xff"))
    with Socket("/echo") as one:
        one.send(frame(FIN | CLOSE), frame(FIN | TEXT, b"too late"))
        assert one.next() == (FIN | CLOSE, b"")
        one.is_over()
    status_wait("a Close without a code", code=1005, open=1)


def test_server_closes(_):
    with Socket("/count") as one:
        one.send(frame(FIN | TEXT, b"close"))
        while (got := one.next())[0] != FIN | CLOSE:
            pass
        assert got[1] == struct.pack("!H", 4000) + b"as you wish"
        one.send(frame(FIN | TEXT, b"on its way"), closing(4000))
        one.is_over()
    status_wait("a Close of ours", code=4000, open=1)


def test_server_closes_and_nobody_answers(_):
    """A client that talks on instead of closing, and a silent one: both end after ten seconds."""
    before = status()
    with Socket("/count") as silent, Socket("/count") as chatty:
        begin = time.monotonic()
        for one in (silent, chatty):
            one.send(frame(FIN | TEXT, b"close"))
            while one.next()[0] != FIN | CLOSE:
                pass
        chatty.socket.settimeout(0.2)
        end = None
        while end is None:
            assert time.monotonic() - begin < LEAVE_S_MAX, "a client that says no Close keeps its connection"
            try:
                chatty.send(frame(FIN | TEXT, b"and another thing"))
                if chatty.socket.recv(10) == b"":
                    end = time.monotonic()
            except TimeoutError:
                pass
            except OSError:
                end = time.monotonic()
        assert end - begin >= LEAVE_S, f"after {end - begin:.1f} s"
        silent.is_over()
        status_wait("nobody has answered", code=1006, closed=before["closed"] + 2)


def test_client_gone(_):
    before = status()["closed"]
    with Socket("/echo") as one:
        one.send(frame(TEXT, b"begun"))
        one.socket.shutdown(socket.SHUT_WR)
        assert one.next() == (TEXT, b"begun")
        one.is_over()
    status_wait("a FIN", code=1006, closed=before + 1, open=1)
    with Socket("/echo") as one:
        one.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    status_wait("a reset", code=1006, closed=before + 2, open=1)


# ---- Back-pressure, many, and a product that misbehaves ----

def test_one_that_does_not_read(_):
    """It is flooded, and sends Pings and messages: that costs nobody else anything, and loses nothing."""
    with Socket("/flood", window=SMALL_WINDOW) as one:
        for _ in range(2000):
            one.send(frame(FIN | PING, b"never read"))
        pongs = status()["pongs"]
        one.send(frame(FIN | PONG))
        status_wait("what it sends is heard, though nothing can be sent", pongs=pongs + 1)
        others_live("a client that doesn't read")
        with Socket("/count") as other:
            begin = json.loads(other.message()[1])["n"]
            assert [json.loads(other.message()[1])["n"] for _ in range(20)] == list(range(begin + 1, begin + 21))
        control, total = [], 0
        while total < 100000:
            kind, text = one.message(control)
            assert kind == TEXT and text == b"0123456789" * 62, text
            total += len(text)
        assert 0 < len(control) <= 2000 and set(control) == {(PONG, b"never read")}, f"{len(control)} Pongs"
    status_wait("the flood", open=1)


def test_echo_that_nobody_reads(_):
    """What the client sends waits in its own kernel, and comes back whole."""
    payload = random.randbytes(150000)
    with Socket("/echo", window=SMALL_WINDOW) as one:
        sender = threading.Thread(target=one.send, args=(frame(FIN | BINARY, payload),), daemon=True)
        sender.start()
        time.sleep(0.5)
        assert sender.is_alive(), "150,000 bytes went somewhere"
        others_live("an echo that isn't read")
        assert one.message() == (BINARY, payload)
        sender.join(ANSWER_S_MAX)


def test_counts(_):
    with Socket("/count") as one, Socket("/count") as two, Socket("/count") as three:
        assert answer(path="/count")[0] == 503
        for each in (one, two, three):
            begin = json.loads(each.message()[1])["n"]
            assert [json.loads(each.message()[1])["n"] for _ in range(25)] == list(range(begin + 1, begin + 26))
        pongs = status()["pongs"]
        one.send(frame(FIN | TEXT, b"ping"))
        control = []
        while not control:
            one.message(control)
        assert control == [(PING, b"")], control
        one.send(frame(FIN | PONG))
        status_wait("a Pong", pongs=pongs + 1)


def test_bad_product(board):
    before = status()["broken"]
    for kind in range(4):
        with Socket(f"/bad?kind={kind}") as one:
            while (got := one.next())[0] != FIN | CLOSE:
                assert len(got[1]) < 10, got
            assert got[1] == struct.pack("!H", 1011), got
            one.send(closing(1011))
            one.is_over()
        others_live(f"kind {kind}")
    assert answer(path="/bad?kind=4")[0] == 500
    assert status()["broken"] == before + 5, "each is counted"
    for why in ("a frame is longer than WEBSOCKET_FRAME_MAX", "output returned nothing that is known", "a text is not UTF-8",
                "a message began as text and goes on as binary", "open returned no status of a refusal"):
        board.wait(lambda why=why: f"http: /bad: {why}" in board.said(), LATE_S_MAX, f"the log doesn't say {why!r}")


# ---- Programs of others ----

NODE_SCRIPT = """
const WebSocket = require("ws"), url = "ws://" + process.argv[1];
const open = (path, ...more) => new Promise((done, failed) => {
    const ws = new WebSocket(url + path, ...more);
    ws.got = []; ws.waiting = [];
    ws.on("message", (data, binary) => { ws.got.push([binary, data]); ws.waiting.splice(0).forEach(f => f()); });
    ws.on("open", () => done(ws)); ws.on("error", failed);
});
const next = async ws => { while (!ws.got.length) await new Promise(f => ws.waiting.push(f)); return ws.got.shift(); };
const closed = ws => new Promise(f => ws.on("close", (code, reason) => f([code, reason.toString()])));
const must = (truth, what) => { if (!truth) throw new Error(what); };
(async () => {
    const ws = await open("/echo", ["x", "other"]);
    must(ws.protocol == "other" && ws.extensions == "", "protocol " + ws.protocol + ", " + ws.extensions);
    for (const length of [0, 1, 125, 126, 65535, 65536]) {
        const data = Buffer.alloc(length, "0123456789");
        for (const binary of [true, false]) {
            ws.send(data, {binary});
            const [was, got] = await next(ws);
            must(was == binary && got.equals(data), "echo of " + length);
        }
    }
    ws.send("a", {fin: false}); ws.ping("now"); ws.send("é", {fin: false}); ws.send("z", {fin: true});
    const pong = new Promise(f => ws.on("pong", f));
    must((await next(ws))[1].toString() == "aéz", "fragments");
    must((await pong).toString() == "now", "pong");
    ws.close(4001, "done");
    must((await closed(ws))[0] == 4001, "close");
    const count = await open("/count");
    let n = JSON.parse((await next(count))[1]).n;
    for (let i = 0; i < 20; i++) must(JSON.parse((await next(count))[1]).n == ++n, "count");
    count.send("close");
    must((await closed(count)).join() == "4000,as you wish", "closed by the server");
    const refused = async (path, options, status) => {
        const error = await open(path, options).then(() => "opened", String);
        must(error.includes(status), path + ": " + error);
    };
    await refused("/echo", {origin: "http://evil.example"}, 403);
    await refused("/token", {}, 401);
    await refused("/echo", {protocolVersion: 8}, 426);
    (await open("/token", {headers: {cookie: "token=secret"}})).terminate();
    console.log("well");
})().catch(error => { console.log(String(error)); process.exit(1); });
"""


def test_ws_of_npm(_):
    done = subprocess.run(["node", "-e", NODE_SCRIPT, BOARD], env={**os.environ, **NODE}, capture_output=True, text=True,
                          timeout=ANSWER_S_MAX, check=False)
    assert done.stdout == "well\n", done.stdout + done.stderr


PYTHON = "/usr/bin/python3"  # Debian's, which has Debian's packages
PYTHON_SCRIPT = """
import asyncio, os, sys, websockets
url = "ws://" + sys.argv[1]

async def main():
    async with websockets.connect(url + "/echo", subprotocols=["echo.plugnet"], max_size=None) as ws:
        assert ws.subprotocol == "echo.plugnet"
        for length in (0, 1, 125, 126, 65535, 65536):
            data = os.urandom(length)
            await ws.send(data)
            assert await ws.recv() == data
        await ws.send(["Bruch", "stücke", " €"])
        assert await ws.recv() == "Bruchstücke €"
        await (await ws.ping())
    assert ws.close_code == 1000, ws.close_code
    async with websockets.connect(url + "/count") as ws:
        await ws.send("close")
        try:
            while True:
                await ws.recv()
        except websockets.ConnectionClosed as error:
            assert (error.code, error.reason) == (4000, "as you wish"), error

asyncio.run(main())
print("well")
"""


def test_python_websockets(_):
    done = subprocess.run([PYTHON, "-c", PYTHON_SCRIPT, BOARD], capture_output=True, text=True, timeout=ANSWER_S_MAX, check=False)
    assert done.stdout == "well\n", done.stderr[-300:]


PAGE_SCRIPT = """
window.said = [];
const ws = new WebSocket("ws://%s/echo", ["x", "echo.plugnet"]);
ws.binaryType = "arraybuffer";
ws.onopen = () => { ws.send("grüße €"); ws.send(new Uint8Array(65536).fill(7)); };
ws.onmessage = event => {
    said.push(typeof event.data == "string" ? event.data
              : event.data.byteLength + ":" + new Uint8Array(event.data).every(byte => byte == 7));
    if (said.length == 2) ws.close(4002, "enough");
};
ws.onclose = event => said.push([ws.protocol, event.code, event.wasClean].join());
ws.onerror = () => said.push("error");
"""


def test_chromium(_):
    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):  # pylint: disable=arguments-differ
            pass

    other = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=other.serve_forever, daemon=True).start()
    opened = status()["opened"]
    with webdriver.Browser() as browser:
        browser.open(f"http://{BOARD}/")
        browser.run(PAGE_SCRIPT % BOARD)
        browser.wait(lambda: browser.run("return said.length") >= 3, ANSWER_S_MAX, "the echo")
        said = browser.run("return said")
        assert said == ["grüße €", "65536:true", "echo.plugnet,4002,true"], said
        browser.run("""window.numbers = []; window.count = new WebSocket("ws://%s/count");
            count.onmessage = event => numbers.push(JSON.parse(event.data).n);
            count.onclose = event => said.push([event.code, event.reason, event.wasClean].join());""" % BOARD)
        browser.wait(lambda: browser.run("return numbers.length") >= 20, ANSWER_S_MAX, "numbers")
        browser.run("count.send('close')")
        browser.wait(lambda: browser.run("return said.length") >= 4, ANSWER_S_MAX, "the server's Close")
        said, numbers = browser.run("return said")[3], browser.run("return numbers")
        assert said == "4000,as you wish,true", said
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), numbers
        assert status()["opened"] == opened + 2
        browser.open(f"http://127.0.0.1:{other.server_port}/")  # a page of somebody else
        browser.run(PAGE_SCRIPT % BOARD)
        browser.wait(lambda: browser.run("return said.length") >= 2, ANSWER_S_MAX, "an error")
        said = browser.run("return said")
        assert said == ["error", ",1006,false"], said
        assert status()["opened"] == opened + 2, "a foreign page got in"
    other.shutdown()


def missing(name):
    if name == "chromium":
        return webdriver.missing()
    if name == "ws_of_npm" and not (shutil.which("node") and os.path.isdir(NODE["NODE_PATH"] + "/ws")):
        return "node-ws"
    if name == "python_websockets" and \
            subprocess.run([PYTHON, "-c", "import websockets"], capture_output=True, check=False).returncode:
        return "python3-websockets"
    return None


ONLY = {"chromium": ("none",), "server_closes_and_nobody_answers": ("native",)}
TESTS = [(name[5:], test) for name, test in list(globals().items()) if name.startswith("test_")]
FAILURES = (AssertionError, OSError, EOFError, ValueError, IndexError, KeyError, TypeError, Refused, http.client.HTTPException,
            subprocess.SubprocessError, webdriver.BrowserError)


class Board(tap.Program):
    def __init__(self, flavour):
        super().__init__([*FLAVOURS[flavour], os.path.join(IMAGES, flavour, "websocket.elf")])

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


def all_tests(flavour, board):
    failed = 0
    for name, test in TESTS:
        if flavour not in ONLY.get(name, FLAVOURS):
            continue
        if missing(name):
            print(f"skip websocket, {flavour}: {name}: not installed (package {missing(name)})")
            continue
        try:
            test(board)
            print(f"ok websocket, {flavour}: {name}", flush=True)
        except FAILURES as error:
            failed += 1
            print(f"not ok websocket, {flavour}: {name}: {type(error).__name__} {' '.join(str(error).split())[:400]}", flush=True)
    return failed


def main(flavours):
    failed = 0
    for flavour in flavours or FLAVOURS:
        if flavour == "freertos" and not os.environ.get("FREERTOS_KERNEL_PATH"):
            print("skip websocket, freertos: FREERTOS_KERNEL_PATH is not set")
            continue
        try:
            with Board(flavour) as board:
                board.start()
                failed += all_tests(flavour, board)
                if failed:
                    print(board.said()[-2000:])
        except FAILURES as error:
            failed += 1
            print(f"not ok websocket, {flavour}: starts: {' '.join(str(error).split())[:400]}")
    return 1 if failed else 0


if __name__ == "__main__":
    tap.namespaces_enter("websocket")
    tap.ip("link", "set", "lo", "up")
    sys.exit(main(sys.argv[1:]))
