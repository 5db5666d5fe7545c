#!/usr/bin/env python3
"""tool/update.py against boards that are none: servers on loopback with the routes of a board, and an mDNS responder.

    test/tool/test_update_py.py [NAME …]

Prints "ok NAME", "not ok NAME: why" and "skip NAME: why" lines (tool/suites.py).
"""
# SPDX-License-Identifier: MIT
import contextlib
import http.server
import json
import os
import pty
import re
import select
import socket
import struct
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import test_compose  # noqa: E402
from test_build import ROOT, clean_environment  # noqa: E402
sys.path.insert(0, os.path.join(ROOT, "tool"))
import image  # noqa: E402
import stamp  # noqa: E402
import update  # noqa: E402

LIMIT_S = 60
BOARD_ID = 0x12090001  # stm32f4discovery
CONTENT = 150000
# The program with shorter times, and mDNS on a port of the test.
PROGRAM = """import sys
sys.dont_write_bytecode = True
sys.path.insert(0, {tool!r})
import update
update.MDNS, update.POLL_S, update.ASK_S_MAX, update.ERASE_S_MAX = ("224.0.0.251", {port}), 0.05, 2, {erase}
update.LEAVE_S_MAX = 1
sys.exit(update.main(sys.argv[1:]))
"""


def update_file(folder, version="1.1.0", product="pump", board=BOARD_ID, signed=False):
    """Vectors, header, content, CRC word: the file's path."""
    *numbers, pre = stamp.version_of(version)
    content = bytearray(392) + image.HEADER.pack(image.MAGIC, board, CONTENT, image.FORMAT, 0x08020000, *numbers, 0, pre.encode(),
                                                 product.encode(), b"1a2b3c4", bytes(16))
    content += bytes(i * 7 & 0xFF for i in range(CONTENT - len(content)))
    content[392 + 104:392 + 120] = image.build_of(content, 392)
    content += struct.pack("<I", image.crc(content))
    path = os.path.join(folder, f"{product}-{version}{'-signed' * signed}.update")
    with open(path, "wb") as file:
        file.write(content + (image.TRAILER.pack(image.SIGNED, 0, bytes(64)) if signed else b""))
    return path


class Mock:
    """A board. `said` is its JSON; what it shall do wrong is in the other fields; `seen` is what it was asked for."""

    def __init__(self, address="127.0.0.1", **more):
        self.said = {"product": "pump", "version": "1.0.0", "build": "00" * 16, "git": "", "board": "stm32f4discovery", "loader": True,
                     "signed": False, "state": "idle", "received": 0, "length": 0, "error": None, "staged": None, "last": None}
        self.seen, self.body, self.token = [], b"", None
        self.refuse = None  # (status, error) instead of Continue
        self.refuse_after = None  # bytes, and then the same
        self.hold = None  # called in front of Continue
        self.after = "confirmed"  # or restored, refused, vanishes, unconfirmed, ignores
        self.raw = None  # bytes instead of any answer
        self.page = True  # it has one, which confirms it
        self.told = "installing"  # its state until it leaves
        self.away_s = 0.4
        vars(self).update({name: value for name, value in more.items() if name != "said"})
        self.said.update(more.get("said", {}))
        self.new = None
        self.server, self.address, self.port = None, address, 0
        self.open()

    def open(self):
        mock = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_any(self):
                with contextlib.suppress(ConnectionError):
                    mock.answer(self)
                self.close_connection = True

            do_GET = do_PUT = do_POST = do_DELETE = do_any

            def handle_expect_100(self):
                return True  # later, or never

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

        self.server = Server((self.address, self.port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    @property
    def url(self):
        return f"{self.address}:{self.port}"

    def put(self, handler, status, said):
        if self.raw is not None:
            handler.wfile.write(self.raw)
            return
        data = json.dumps(said).encode() if said is not None else b"<!doctype html>"
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(data)))
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(data)

    def answer(self, handler):
        self.seen.append(f"{handler.command} {handler.path}")
        if self.token and handler.headers["Authorization"] != f"Bearer {self.token}":
            self.put(handler, 401, {"error": {"code": "token", "reason": "a token is needed"}})
        elif handler.path == "/" and self.page:
            if self.said["state"] == "trial" and self.after != "unconfirmed":
                self.said.update(state="idle", last={"result": "confirmed", "reason": None})
            self.put(handler, 200, None)
        elif handler.path != "/api/update":
            self.put(handler, 404, None)
        else:
            getattr(self, "do_" + handler.command.lower())(handler)

    def do_get(self, handler):
        self.put(handler, 200, self.said)

    def do_delete(self, handler):
        self.said.update(state="idle", staged=None)
        self.put(handler, 200, self.said)

    def do_put(self, handler):
        assert handler.headers["Expect"] == "100-continue"
        length = int(handler.headers["Content-Length"])
        if self.hold:
            self.hold()
        if self.refuse and not self.refuse_after:
            self.put(handler, self.refuse[0], {**self.said, "error": self.refuse[1]})
            return
        if self.hold is not never:
            handler.send_response_only(100)
            handler.end_headers()
        self.said.update(state="receiving", length=length)
        self.body = b""
        while len(self.body) < length and (more := handler.rfile.read(min(1000, length - len(self.body)))):
            self.body += more
            if self.refuse_after and len(self.body) >= self.refuse_after:
                self.said.update(state="idle")
                if self.refuse:
                    self.put(handler, self.refuse[0], {**self.said, "error": self.refuse[1]})
                    time.sleep(0.5)  # the rest isn't read, and the connection stays
                return
        with open(f"/proc/self/fd/{memory(self.body)}", "rb") as file:
            self.new = image.Image(file.name)
        self.said.update(state="ready", staged={"product": self.new.product, "version": self.new.version, "build": self.new.build.hex(),
                                                "git": self.new.git})
        self.put(handler, 200, self.said)

    def do_post(self, handler):
        if self.said["state"] != "ready":
            self.put(handler, 409, {**self.said, "error": {"code": "none", "reason": "nothing is staged"}})
            return
        if self.after != "ignores":
            self.said.update(state=self.told)
            threading.Thread(target=self.install, daemon=True).start()
        self.put(handler, 202, self.said)

    def install(self):
        time.sleep(0.2)
        self.close()
        if self.after == "vanishes":
            return
        time.sleep(self.away_s)
        staged = self.said["staged"]
        self.said.update(state="idle", staged=None)
        if self.after in ("confirmed", "unconfirmed", "restored"):
            self.said.update(state="trial", **staged)
        if self.after == "refused":
            self.said.update(last={"result": "refused", "reason": "the staged image isn't whole"})
        self.open()
        if self.after == "restored":  # after its trial
            time.sleep(0.3)
            self.close()
            time.sleep(0.2)
            self.said.update(state="idle", version="1.0.0", build="00" * 16, git="",
                             last={"result": "restored", "reason": "the new version crashed three times"})
            self.open()


def never():
    pass


def memory(data):
    """A file that is in memory alone; its descriptor."""
    descriptor = os.memfd_create("update")
    os.write(descriptor, data)
    return descriptor


class Responder(threading.Thread):
    """Multicast DNS on loopback; servers are {name: (address, port)}."""

    def __init__(self, servers, additional=True, noise=()):
        super().__init__(daemon=True)
        self.servers, self.additional, self.noise, self.questions = servers, additional, noise, []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("224.0.0.251", 0))
        self.port = self.socket.getsockname()[1]
        index = socket.if_nametoindex("lo")
        self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, struct.pack("@4s4si", socket.inet_aton("224.0.0.251"), bytes(4), index))
        self.out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.start()

    def close(self):
        self.socket.close()
        self.out.close()

    def records(self, name, kind):
        """[(name, type, bytes)]"""
        made = []
        for label, (address, port) in self.servers.items():
            host, instance = f"{label}.local", f"{label}._http._tcp.local"
            if (name, kind) == (update.SERVICE, update.PTR):
                made.append((name, kind, update.dns_name(instance)))
            if name == instance and kind == update.SRV or self.additional and name == update.SERVICE:
                made.append((instance, update.SRV, struct.pack(">3H", 0, 0, port) + update.dns_name(host)))
            if name == host and kind == update.A or self.additional and name == update.SERVICE:
                made.append((host, update.A, socket.inet_aton(address)))
        return made

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                message, sender = self.socket.recvfrom(9000)
                for data in self.noise:
                    self.out.sendto(data, sender)
                at, made = 12, []
                for _ in range(struct.unpack_from(">H", message, 4)[0]):
                    name, at = update.dns_name_read(message, at)
                    kind = struct.unpack_from(">H", message, at)[0]
                    at += 4
                    self.questions.append((name, kind))
                    made += self.records(name, kind)
                if made:
                    self.out.sendto(struct.pack(">6H", 0, 0x8400, 0, len(made), 0, 0) + b"".join(
                        update.dns_name(name) + struct.pack(">HHIH", kind, 0x8001, 10, len(data)) + data for name, kind, data in made), sender)


def command(*words, port=9, erase=5):
    return [sys.executable, "-c", PROGRAM.format(tool=os.path.join(ROOT, "tool"), port=port, erase=erase), "--timeout", "0.5", "--wait", "10", *words]


def ran(*words, port=9, erase=5, environment=None):
    """(exit code, what it printed, errors)"""
    done = subprocess.run(command(*words, port=port, erase=erase), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S,
                          check=False, env=environment or {name: value for name, value in clean_environment().items() if name != "PLUGNET_TOKEN"})
    assert "Traceback" not in done.stderr, done.stderr[-900:]
    return done.returncode, done.stdout, done.stderr


def fails(wanted, *words, **more):
    """One board, which isn't updated, and why."""
    code, said, _ = ran("--yes", *words, **more)
    assert code == 1 and "failed: " in said and wanted in said, (code, said, wanted)
    return said


@contextlib.contextmanager
def mocks(*boards):
    try:
        yield boards
    finally:
        for board in boards:
            board.close()


def content(path):
    with open(path, "rb") as file:
        return file.read()


# ---- One board. ----

def test_success(folder):
    """Whole and in order, with Expect, without openssl; the page is asked for, which confirms it."""
    path = update_file(folder)
    last = {"result": "restored", "reason": "something that was long ago"}
    with mocks(Mock(said={"last": last})) as (board,):
        code, said, errors = ran("--yes", board.url, path, environment={"PATH": folder})
        assert code == 0 and not errors, (code, said, errors)
        lines = said.splitlines()
        assert lines[0].startswith("pump 1.1.0, build ") and lines[0].endswith("150 kB, not signed"), lines
        assert [re.search(r" (\d+)\d %(?:  \d+ kB/s)?$", line)[1] for line in lines if "%" in line] == ["2", "5", "7", "10"], lines
        assert "ready: pump 1.0.0 → 1.1.0" in said and "runs pump 1.1.0 (1a2b3c4), after" in said, said
        assert lines[-1] == "1 of 1 board updated to 1.1.0", lines
        assert board.body == content(path)
        assert board.seen[:3] == ["GET /api/update", "PUT /api/update", "POST /api/update"] and "GET /" in board.seen, board.seen
        assert board.said["state"] == "idle" and board.said["version"] == "1.1.0"
    with mocks(Mock(told="idle")) as (board,):  # it hasn't begun yet when it is asked
        assert ran("--yes", board.url, path)[0] == 0


def test_refused_before_a_byte(folder):
    path = update_file(folder)
    with mocks(Mock(refuse=(409, {"code": "trial", "reason": "a new version is on trial"}))) as (board,):
        fails("refused: a new version is on trial (trial), status 409", board.url, path)
        assert board.body == b"" and board.seen == ["GET /api/update", "PUT /api/update"], board.seen


def test_refused_midway(folder):
    path = update_file(folder)
    with mocks(Mock(refuse=(400, {"code": "signature", "reason": "another key has signed this"}), refuse_after=20000)) as (board,):
        said = fails("refused: another key has signed this (signature), status 400", board.url, path)
        assert "100 %" not in said, said
        assert 20000 <= len(board.body) < CONTENT and "POST /api/update" not in board.seen


def test_ends_midway(folder):
    """Without an answer."""
    path = update_file(folder)
    with mocks(Mock(refuse_after=20000)) as (board,):
        said = fails("", board.url, path)
        assert "ends the connection without an answer" in said or "Connection reset by peer" in said, said
        assert "POST /api/update" not in board.seen


def test_no_continue(folder):
    """A board, or something between, that never says Continue gets it all the same."""
    path = update_file(folder)
    with mocks(Mock(hold=never)) as (board,):
        begin = time.monotonic()
        code, said, _ = ran("--yes", "--stage-only", board.url, path, erase=1)
        assert code == 0 and board.body == content(path) and time.monotonic() - begin >= 1, said


def test_waits_for_continue(folder):
    """Not a byte before."""
    path, early = update_file(folder), []
    with mocks(Mock()) as (board,):
        board.hold = lambda: (time.sleep(0.7), early.append(len(board.body)))
        code, said, _ = ran("--yes", "--stage-only", board.url, path)
        assert code == 0 and early == [0] and board.body == content(path), said


def test_comes_back_as_the_old_one(folder):
    path = update_file(folder)
    with mocks(Mock(after="restored", page=False)) as (board,):
        said = fails("it went back, and runs pump 1.0.0: the new version crashed three times", board.url, path)
        assert "0 of 1 board updated to 1.1.0" in said, said
    with mocks(Mock(after="refused")) as (board,):
        fails("it refused, and runs pump 1.0.0: the staged image isn't whole", board.url, path)


def test_vanishes(folder):
    path = update_file(folder)
    with mocks(Mock(after="vanishes")) as (board,):
        fails("it hasn't come back within 2 s; is it still plugged in?", "--wait", "2", board.url, path)


def test_never_confirmed(folder):
    path = update_file(folder)
    with mocks(Mock(after="unconfirmed")) as (board,):
        fails("it runs 1.1.0 on trial, and hasn't confirmed that within 3 s", "--wait", "3", board.url, path)


def test_ignores(folder):
    path = update_file(folder)
    with mocks(Mock(after="ignores")) as (board,):
        fails("nothing has happened within 2 s; it says \"ready\"", "--wait", "2", board.url, path)


def test_known_before_a_byte(folder):
    """What the board would refuse after a minute is said at once."""
    path = update_file(folder)
    for said, wanted in (({"product": "fan"}, "the file is for pump, and this is fan"), ({"signed": True}, "it takes signed updates alone"),
                         ({"loader": False}, "its boot guard is from before updates this way"),
                         ({"board": "blackpill-f411"}, "the file is for the board stm32f4discovery, and this is blackpill-f411")):
        with mocks(Mock(said=said)) as (board,):
            fails(wanted, board.url, path)
            assert board.seen == ["GET /api/update"], (said, board.seen)
    with mocks(Mock(said={"signed": True})) as (board,):
        assert ran("--yes", board.url, update_file(folder, signed=True))[0] == 0
    with mocks(Mock(said={"board": "my-board"})) as (board,):
        assert ran("--yes", board.url, update_file(folder, board=0x12345678))[0] == 0
    with mocks(Mock(said={"build": image.Image(path).build.hex().upper(), "version": "1.1.0"})) as (board,):
        code, said, _ = ran("--yes", board.url, path)
        assert code == 0 and "this very build" in said and board.seen == ["GET /api/update"], (said, board.seen)


def test_stage_only(folder):
    """It stays there; the next call installs it without sending it again."""
    path = update_file(folder)
    with mocks(Mock()) as (board,):
        assert ran("--stage-only", board.url, path)[0] == 0
        assert board.said["state"] == "ready" and "POST /api/update" not in board.seen
        assert ran("--yes", board.url, path)[0] == 0
        assert board.seen.count("PUT /api/update") == 1 and board.said["version"] == "1.1.0"


def test_token(folder):
    path = update_file(folder)
    with mocks(Mock(token="s3cret")) as (board,):
        fails("it wants to know who asks (401): --token", board.url, path)
        fails("it wants to know who asks (401): --token", "--token", "other", board.url, path)
        assert ran("--yes", "--token", "s3cret", board.url, path)[0] == 0
    with mocks(Mock(token="s3cret")) as (board,):
        assert ran("--stage-only", board.url, path, environment={**clean_environment(), "PLUGNET_TOKEN": "s3cret"})[0] == 0


def test_no_board_of_ours(folder):
    path = update_file(folder)
    for raw, wanted in ((b"SSH-2.0-x\r\n", "it answers no HTTP"), (b"", "it ends the connection without an answer"),
                        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "it is no board of ours"),
                        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnull", "it is no board of ours"),
                        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nhey", "it takes no updates this way: it has no /api/update"),
                        (b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 300000, "it is no board of ours"),
                        (b'HTTP/1.1 500 Oops\r\n\r\n{"error":"\\u001b[2J bad"}', "refused: it says no reason, status 500"),
                        (b'HTTP/1.1 500 Oops\r\n\r\n{"error":{"reason":"\\u001b[2Jbad","x":1}}', "refused: ?[2Jbad, status 500")):
        with mocks(Mock(raw=raw)) as (board,):
            said = fails(wanted, board.url, path)
            assert "\x1b" not in said
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        fails("it doesn't answer any more", f"127.0.0.1:{port}", path)
    fails("no connection: Connection refused", f"127.0.0.1:{port}", path)


def test_files(folder):
    path = update_file(folder)
    with open(f"{folder}/bad.update", "wb") as file:
        file.write(content(path)[:-1] + b"\xff")
    with open(f"{folder}/none.update", "wb") as file:
        file.write(b"hello")
    with mocks(Mock()) as (board,):
        for name, wanted in (("bad.update", "damaged"), ("none.update", "no image of ours"), ("nosuch", "No such file or directory (FILE comes last)")):
            code, _, errors = ran("--yes", board.url, f"{folder}/{name}")
            assert code == 2 and errors.startswith("update: ") and wanted in errors, (code, errors)
        for words in ((), ("--list", path)):
            code, _, errors = ran(*words)
            assert code == 2 and "FILE is needed, or --list alone" in errors, errors
        for target in ("https://x/", "http://x/y", "a b:c", "x:99999"):
            code, _, errors = ran("--yes", target, path)
            assert code == 2 and f"'{target}' is no board" in errors, errors
        assert not board.seen, board.seen


# ---- Several. ----

def test_two_at_once(folder):
    """Neither gets Continue before both have asked: they go side by side. One that fails is counted."""
    path, both = update_file(folder), threading.Barrier(2, timeout=5)
    with mocks(Mock(hold=both.wait), Mock("127.0.0.2", hold=both.wait)) as (a, b):
        code, said, _ = ran("--yes", a.url, b.url, path)
        assert code == 0 and "2 of 2 boards updated to 1.1.0" in said and a.body == b.body == content(path), said
    with mocks(Mock(after="restored", page=False), Mock("127.0.0.2")) as (a, b):
        code, said, _ = ran("--yes", a.url, b.url, path)
        assert code == 1 and "1 of 2 boards updated to 1.1.0" in said and f"{a.url}  failed: it went back" in said, said
        assert b.said["version"] == "1.1.0"
    with mocks(Mock(refuse=(507, {"code": "room", "reason": "too long"})), Mock("127.0.0.2")) as (a, b):
        code, said, _ = ran("--yes", a.url, b.url, path)
        assert code == 1 and "too long (room)" in said and "1 of 2 boards" in said and b.said["version"] == "1.1.0", said


# ---- Finding. ----

def found(*boards, **more):
    return Responder({f"{name}": (board.address, board.port) for name, board in boards}, **more)


def test_list(folder):
    """Product, version and address of each; a web server that is no board is counted alone, a locked one shown."""
    with mocks(Mock(), Mock("127.0.0.2", said={"product": "fan", "version": "2.0.0-rc.1", "git": "abc-dirty", "loader": False}),
               Mock("127.0.0.3", raw=b"HTTP/1.1 404 x\r\nContent-Length: 0\r\n\r\n"), Mock("127.0.0.4", token="x")) as (a, b, c, d):
        for additional in (True, False):
            responder = found(("pump-1a2b", a), ("fan-3c4d", b), ("printer", c), ("locked", d), additional=additional)
            code, said, errors = ran("--list", port=responder.port)
            responder.close()
            lines = [line.split("  ") for line in said.splitlines()]
            cells = {line[0].strip(): [cell.strip() for cell in line[1:] if cell.strip()] for line in lines}
            assert code == 0 and not errors, (said, errors)
            assert cells["pump-1a2b"] == [f"http://{a.url}", "pump 1.0.0", "stm32f4discovery"], cells
            assert cells["fan-3c4d"][:2] == [f"http://{b.url}", "fan 2.0.0-rc.1 (abc-dirty)"] and "boot guard" in cells["fan-3c4d"][-1], cells
            assert cells["locked"] == [f"http://{d.url}", "asks for a --token"] and "(1 more web server here, which takes no updates)" in said, said
    code, said, _ = ran("--list")
    assert code == 1 and "no board answers" in said, said


def test_found_and_updated(folder):
    """Without an address: those of the file's product, all of them; with names, one without a dot: that one."""
    path = update_file(folder)
    with mocks(Mock(), Mock("127.0.0.2", said={"product": "fan"}), Mock("127.0.0.3")) as (a, b, c):
        responder = found(("pump-1a2b", a), ("fan", b), ("pump-3c4d", c))
        code, said, _ = ran("--yes", f"pump-1a2b:{a.port}", path, port=responder.port)
        assert code == 0 and a.said["version"] == "1.1.0" and not c.seen, (said, c.seen)
        code, said, _ = ran("--yes", path, port=responder.port)
        assert code == 0 and "2 of 2 boards updated to 1.1.0" in said and "this very build" in said, said
        assert c.said["version"] == "1.1.0" and "PUT /api/update" not in b.seen
        code, _, errors = ran("--yes", update_file(folder, product="mill"), port=responder.port)
        assert code == 2 and "no board with mill answers; there are: fan (fan 1.0.0), pump-1a2b (pump 1.1.0" in errors, errors
        responder.close()
    code, _, errors = ran("--yes", path)
    assert code == 2 and "no board with pump answers; is it plugged in" in errors, errors
    fails("there is no board of the name pump-9z.local", "pump-9z", path)


def test_mdns_noise(folder):
    """Messages that are none, that point at themselves, that are cut: the boards are found all the same."""
    answer = struct.pack(">6H", 0, 0x8400, 0, 1, 0, 0)
    noise = [b"", b"x" * 11, answer, answer + b"\xc0\x0c" + bytes(10), answer + b"\x3fa", answer + b"\xc0\x0e\xc0\x0c" + bytes(10),
             struct.pack(">6H", 0, 0x8400, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF) + bytes(9), bytes(9000),
             answer + update.dns_name("a.local") + struct.pack(">HHIH", update.SRV, 1, 1, 4) + b"\0\0\0\0",
             answer + update.dns_name("x\x1b[2Jy.local") + struct.pack(">HHIH", update.A, 1, 1, 4) + b"\x7f\0\0\1"]
    with mocks(Mock()) as (board,):
        responder = found(("pump-1a2b", board), noise=noise)
        code, said, errors = ran("--list", port=responder.port)
        responder.close()
        assert code == 0 and not errors and "pump-1a2b" in said and "\x1b" not in said, (said, errors)


# ---- Asking. ----

def on_terminal(answer, *words):
    """(exit code, all that it showed) with a terminal, on which `answer` is typed to the question."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, command(*words))
    shown, end = b"", time.monotonic() + LIMIT_S
    with contextlib.suppress(OSError):  # it has ended
        while time.monotonic() < end:
            if select.select([terminal], [], [], 1)[0]:
                shown += os.read(terminal, 4096)
                if shown.endswith(b"[y/N] "):
                    os.write(terminal, answer)
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()


def test_asks(folder):
    path = update_file(folder)
    for answer, yes in ((b"y\n", True), (b"YES\n", True), (b"n\n", False), (b"\n", False), (b"\x04", False)):
        with mocks(Mock(), Mock("127.0.0.2", said={"product": "fan"})) as (board, other):
            code, said = on_terminal(answer, board.url, other.url, path)
            assert "Install on 1 board? [y/N]" in said and "\x1b[2A" in said and "100 %" in said, said
            assert ("POST /api/update" in board.seen) == yes and ("DELETE /api/update" in board.seen) != yes, (answer, board.seen)
            assert code == 1 and ("1 of 2 boards updated to 1.1.0" if yes else "not installed; the boards have forgotten it") in said, (code, said)
    with mocks(Mock()) as (board,):
        code, _, errors = ran(board.url, path)
        assert code == 2 and "nobody can be asked here: --yes, or --stage-only" in errors and not board.seen, errors


def test_help(_):
    code, said, _ = ran("--help")
    assert code == 0
    for word in ("update.py pump.update", "--list", "--yes", "--stage-only", "--token", "--timeout", "--wait", "exit code"):
        assert word in said, word


def main(chosen):
    return test_compose.tests_run("update_py", globals(), chosen)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
