#!/usr/bin/env python3
"""New firmware over HTTP, on the real image of each board and flavour: staged, refused, installed, confirmed, brought back.

    test/update/test_updater.py BOARD OS [PATTERN]          images: make images

Prints "ok NAME", "not ok NAME: why" and "# …" lines with what was measured (tool/suites.py). All times are the board's.
"""
# SPDX-License-Identifier: MIT
import contextlib
import os
import random
import struct
import sys
import tempfile
import traceback

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from craft import BASE, BOARD, CRASH, HANG, LENGTH, ROOT, Craft  # noqa: E402
from plugnet_testkit import Board, VirtualTimeout  # noqa: E402

os.environ.setdefault("PLUGNET_VBOARD", os.path.join(ROOT, "build/vboard/vboard"))
START_S = 5          # until a board is leased; the L476's crystal takes 2 s of it
SWAP_S = 40          # at most: swap, start, lease
KEY = os.path.join(ROOT, "build/test/update/key.pem")
SETTINGS = {"32l476gdiscovery": (0xFC000, 0x2000)}  # else sectors 1 and 2
SLOT = {"stm32f4discovery": 0x60000, "blackpill-f411": 0x20000, "32l476gdiscovery": 0x7C000}
RATES = {"stm32f4discovery": 150, "blackpill-f411": 100, "32l476gdiscovery": 70}  # kB/s at least


class Bed:
    """What the tests share: a board type, a flavour, its images."""

    def __init__(self, board, flavour):
        self.board, self.flavour = board, flavour
        folder = os.path.join(ROOT, f"build/{board}-{flavour}")
        self.elf, self.file = os.path.join(folder, "plugnet.elf"), os.path.join(folder, "plugnet.update")
        folder = os.path.join(ROOT, f"build/test/update/{board}-{flavour}")
        self.signed_elf, self.signed_file = os.path.join(folder, "pump.elf"), os.path.join(folder, "pump.update")

    def start(self, image=None, **options):
        b = Board(image or self.elf, board=self.board, forwards=[80], **options)
        b.wait_state("leased", START_S)
        return b

    def new(self, version="9.9.9"):
        return Craft(self.file, self.elf).version(version)

    def signed(self, version="9.9.9"):
        return Craft(self.signed_file, self.signed_elf).version(version)


def state(b, **options):
    answer = b.http.get("/api/update", s=10, **options)
    assert answer.status == 200, answer.text
    return answer.json()


def put(b, data, **options):
    return b.http.put("/api/update", data, s=120, **options)


def staged(b, data, **options):
    answer = put(b, data, **options)
    assert answer.status == 200 and answer.json()["state"] == "ready", answer.text
    return answer.json()


def refused(b, data, status, code, **options):
    answer = put(b, data, **options)
    assert answer.status == status, (answer.status, answer.text)
    error = answer.json()["error"]
    assert error["code"] == code and error["reason"].endswith("."), error
    return error


def install(b, **options):
    """Ask for the swap; returns the seconds until the board is on the bus again, as what it is then."""
    answer = b.http.post("/api/update", b"", s=10, **options)
    assert answer.status == 202, (answer.status, answer.text)
    b.wait_state("unplugged", 5)
    begin = b.now
    b.wait_state("attached", SWAP_S)
    took = b.now - begin
    b.wait_state("leased", START_S)
    return took


def settings_of(bed, flash):
    at, length = SETTINGS.get(bed.board, (0x4000, 0x8000))
    with open(flash, "rb") as file:
        file.seek(at)
        return file.read(length)


# ---- What works. ----

def test_a_new_version(bed, folder):
    """Staged, installed, confirmed by the first answer, still there after a power cut, settings untouched."""
    flash = os.path.join(folder, "flash")
    with bed.start(flash=flash) as b:
        before = state(b)
        assert before["loader"] and not before["signed"] and before["state"] == "idle" and before["last"] is None, before
    at, length = SETTINGS.get(bed.board, (0x4000, 0x8000))
    pattern = random.Random(1).randbytes(length)
    with open(flash, "r+b") as file:
        file.seek(at)
        file.write(pattern)
    with Board(board=bed.board, forwards=[80], flash=flash) as b:
        b.wait_state("leased", START_S)
        now = staged(b, bed.new().data())
        assert now["staged"]["version"] == "9.9.9" and now["version"] != "9.9.9", now
        took = install(b)
        assert b.log.find("9.9.9 is on trial"), b.log.last()
        assert state(b)["version"] == "9.9.9"
        b.run_for(0.1)
        now = state(b)
        assert now["state"] == "idle" and now["last"]["result"] == "confirmed", now
        b.power_cut()
        b.wait_state("attached", START_S)
        b.wait_state("leased", START_S)
        assert state(b)["version"] == "9.9.9"
    assert settings_of(bed, flash) == pattern
    return f"off the bus for {took:.2f} s"


def test_rates(bed, _):
    """Staging of 100 kB, as curl sends it, and its swap."""
    data = bed.new().grown(100000).data()
    with bed.start() as b:
        begin = b.now
        with b.tcp(80, s=60) as client:
            client.sendall(b"PUT /api/update HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(data))
            assert client.recv_until(b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
            erased = b.now
            client.sendall(data)
            assert client.recv_until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
        rate = len(data) / (b.now - erased) / 1000
        took = install(b)
        assert state(b)["version"] == "9.9.9"
    assert rate >= RATES[bed.board], f"{rate:.0f} kB/s"
    limit = 8 if bed.board == "32l476gdiscovery" else 5
    assert took < limit, f"the swap took {took:.2f} s"
    return f"erased in {erased - begin:.2f} s, staged with {rate:.0f} kB/s, swapped in {took:.2f} s"


def test_without_expect(bed, _):
    """As a browser sends it, on a connection that was used before: what came while flash was erased is sent again at once."""
    data, slowest = bed.new().data(), 0
    with bed.start() as b:
        for padding in range(1, 1400, 107):
            with b.tcp(80, s=60) as client:
                client.sendall(b"GET /api/leds HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert client.recv_until(b"\r\n0\r\n\r\n").startswith(b"HTTP/1.1 200 ")
                client.sendall(b"PUT /api/update HTTP/1.1\r\nHost: localhost\r\nX: %s\r\nContent-Length: %d\r\n\r\n" %
                               (b"x" * padding, len(data)) + data)
                b.run_until(lambda: state(b)["state"] not in ("idle", "ready", "erasing"), 10, "it has erased")
                begin = b.now
                assert client.recv_until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 "), padding
                slowest = max(slowest, b.now - begin)
    assert len(data) / slowest / 1000 >= RATES[bed.board] / 2, f"{slowest:.2f} s"
    return f"staged in {slowest:.2f} s after the erase"


def test_others_are_served(bed, _):
    """While flash is erased and written, another client has its answers: at once, but for the seconds in which an F4 stands still."""
    data = bed.new().data()
    slowest = {}

    def other(b):
        begin = b.now
        assert b.http.get("/api/leds", s=10).status == 200
        took = b.now - begin
        now = state(b)["state"]
        slowest[now] = max(took, slowest.get(now, 0))
        return now
    with bed.start() as b:
        with b.tcp(80, s=60) as client:
            client.sendall(b"PUT /api/update HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(data))
            b.run_until(lambda: other(b) == "receiving", 10, "it erases")
            for at in range(0, len(data), 8192):
                client.sendall(data[at:at + 8192])
                other(b)
            assert client.recv_until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
        assert state(b)["state"] == "ready"
    assert slowest["receiving"] < 0.1, slowest
    assert bed.board != "32l476gdiscovery" or slowest["erasing"] < 0.1, slowest
    return "the slowest other answers: " + ", ".join(f"{took * 1000:.0f} ms {name}" for name, took in slowest.items())


# ---- What is refused. ----

def test_wrong_files(bed, _):
    """Each by its reason; the next right one is taken."""
    slot = SLOT[bed.board]
    good = bed.new().data()
    running = Craft(bed.file)
    with bed.start() as b:
        refused(b, good[:-5], 422, "cut")
        refused(b, good[:300], 422, "cut")
        refused(b, good + b"x", 422, "cut")
        refused(b, good + bytes(100), 422, "junk")
        refused(b, b"", 422, "empty")
        refused(b, bytes(slot + 1), 413, "too_long")
        refused(b, random.Random(2).randbytes(slot), 422, "no_image")
        refused(b, bed.new().word(BOARD, 5).data(), 422, "other_board")
        refused(b, bed.new().product("pump").data(), 422, "other_product")
        refused(b, bed.new().word(BASE, 0x08004000 if bed.board != "32l476gdiscovery" else 0x08020000).data(), 422, "other_base")
        refused(b, bed.new("0.0.1").data(), 422, "older")
        refused(b, bed.new().word(LENGTH, 0x7FFFFFFC).image, 413, "too_long")
        flipped = bytearray(good)
        flipped[len(flipped) // 2] ^= 4
        error = refused(b, bytes(flipped), 422, "crc")
        assert error["reason"] == "The file is damaged: its CRC is wrong.", error
        now = state(b)
        assert now["state"] == "idle" and now["error"]["code"] == "crc" and now["staged"] is None, now
        assert b.http.post("/api/update", b"").json()["error"]["code"] == "nothing"
        staged(b, running.data())  # the same version again
        staged(b, good)
        assert b.http.delete("/api/update").json()["staged"] is None
        assert b.http.post("/api/update", b"").status == 409
        staged(b, good)
        install(b)
        assert state(b)["version"] == "9.9.9"


def test_odd_texts(bed, _):
    """What a file says of itself is one string of the answer, whatever it is."""
    version = '9.9.9-","state":"\\'
    with bed.start() as b:
        now = staged(b, bed.new(version).data())
        assert now["staged"]["version"] == version and now["state"] == "ready", now


def test_two_at_once(bed, _):
    """The second is told so; the first goes on."""
    good = bed.new().data()
    with bed.start() as b:
        with b.tcp(80, s=60) as client:
            client.sendall(b"PUT /api/update HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(good) + good[:20000])
            b.run_for(3)
            refused(b, good, 409, "busy")
            assert b.http.post("/api/update", b"").json()["error"]["code"] in ("busy", "nothing")
            client.sendall(good[20000:])
            assert client.recv_until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
        assert state(b)["state"] == "ready"


def test_broken_off(bed, _):
    """DELETE ends the upload of a sender that dawdles, wherever it is; that one is told, and the next has its turn."""
    good = bed.new().data()
    head = b"PUT /api/update HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(good)
    with bed.start() as b:
        for sent, state_then in ((good[:0], "erasing"), (good[:20000], "receiving"), (good, "verifying")):
            with b.tcp(80, s=60) as client:
                client.sendall(head + sent)
                b.run_for(0.02)
                if sent or bed.board == "32l476gdiscovery":  # an F4 says nothing while it erases
                    b.run_until(lambda: state(b)["state"] == state_then, 10, state_then)
                assert b.http.delete("/api/update", s=10).json()["error"] is None
                now = state(b)
                assert now["state"] == "idle" and now["error"]["code"] == "abandoned" and now["staged"] is None, now
                if sent:
                    staged(b, good)
                client.sendall(good[len(sent):])
                answer = client.recv_until(b"\r\n\r\n") + client.recv_until(b"\r\n0\r\n\r\n")
                assert answer.startswith(b"HTTP/1.1 409 ") and b'"code":"abandoned"' in answer, answer
            assert not sent or state(b)["state"] == "ready"
        assert b.http.delete("/api/update").json()["error"] is None
        assert state(b)["staged"] is None


def test_the_build_that_is_meant(bed, _):
    """POST may name the build: another one that was staged meanwhile isn't installed."""
    with bed.start() as b:
        mine = staged(b, bed.new().data())["staged"]["build"]
        other = staged(b, bed.new("9.9.8").data())["staged"]["build"]
        for body, status, code in ((mine, 409, "other_build"), (other[:31], 409, "other_build"), (other[:31] + "x", 409, "other_build")):
            answer = b.http.post("/api/update", body.encode())
            assert answer.status == status and answer.json()["error"]["code"] == code, answer.text
        assert b.http.post("/api/update", (other + "0").encode()).status == 413
        assert state(b)["state"] == "ready"
        assert b.http.post("/api/update", other.upper().encode()).status == 202
        b.wait_state("unplugged", 5)
        b.wait_state("leased", SWAP_S + START_S)
        assert state(b)["version"] == "9.9.8"


def test_many_others(bed, _):
    """While it waits for flash to be erased, its place isn't given to one of many that come."""
    data = bed.new().data()
    head = b"PUT /api/update HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
    with bed.start() as b, b.tcp(80, s=60) as client, contextlib.ExitStack() as others:
        client.sendall(head % len(data))
        b.run_for(0.01)
        for _ in range(14):
            other = others.enter_context(b.tcp(80, s=20))
            other.sendall(b"GET /api/leds HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert other.recv_until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
        assert client.recv_until(b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
        client.sendall(data)
        assert client.recv_until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")


def test_refused_without_end(bed, _):
    """A file that was refused keeps nobody out, however long its sender goes on."""
    piece = b"400\r\n" + bytes(1024) + b"\r\n"
    with bed.start() as b, b.tcp(80, s=60) as client:
        client.sendall(b"PUT /api/update HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + piece)
        for _ in range(3):
            b.run_for(4)
            client.sendall(piece)
        b.run_for(0.1)
        assert state(b)["error"]["code"] == "no_image"
        staged(b, bed.new().data())
        client.sendall(piece + b"0\r\n\r\n")
        assert client.recv_until(b"\r\n\r\n").startswith(b"HTTP/1.1 422 ")
        assert b'"code":"no_image"' in client.recv_until(b"\r\n0\r\n\r\n")
        assert state(b)["state"] == "ready"


def test_client_goes_away(bed, _):
    """At any place; the next one is served."""
    good = bed.new().data()
    with bed.start() as b:
        for sent in (0, 1, 400, 30000, len(good) - 1):
            with b.tcp(80, s=60) as client:
                client.sendall(b"PUT /api/update HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(good) + good[:sent])
                b.run_for(2.5)
            b.run_for(3)
            now = state(b)
            assert now["state"] == "idle" and now["error"]["code"] == "abandoned", (sent, now)
        with b.tcp(80, s=60) as client:
            client.sendall(b"PUT /api/update HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(good) + good[:30000])
            b.run_for(2.5)
            b.unplug()
            b.run_for(0.5)
            b.plug()
            b.wait_state("attached", START_S)
            b.wait_state("leased", START_S)
            staged(b, good)  # at once, not after the other one's time-out


def drained(client):
    """How many bytes lie there for it."""
    length = 0
    with contextlib.suppress(BlockingIOError):
        while data := client.socket.recv(65536):
            length += len(data)
    return length


def pipelines(b, good, seed):
    """Clients that ask for much at once and read all of it: how long another one waits at most, in s."""
    shape, slowest, still = random.Random(seed), 0, 0
    with contextlib.ExitStack() as others:
        clients = [others.enter_context(b.tcp(80, s=60)) for _ in range(shape.randint(2, 6))]
        for client in clients:
            for _ in range(shape.randint(3, 12)):
                method, path, length = shape.choice((("GET", "/api/update", 0), ("GET", "/api/status", 0), ("GET", "/", 0),
                                                     ("GET", "/app.js", 0), ("DELETE", "/api/update", 0),
                                                     ("PUT", "/api/update", shape.choice((100, 700, 3000, 6000)))))
                client.sendall(b"%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" %
                               (method.encode(), path.encode(), length) + good[:length])
        while still < 8:
            b.run_for(0.3)
            begin = b.now
            assert b.http.get("/api/status", s=30).status == 200
            slowest = max(slowest, b.now - begin)
            still = 0 if sum(map(drained, clients)) > 0 else still + 1
    return slowest


def test_pipelines_beside(bed, _):
    """No connection is reset, though lwIP's memory is divided by what waits; and nobody waits for the standstills of all uploads, in which
    an F4 erases: requests that come meanwhile have their turn between two."""
    good, worst = bed.new().data(), 0
    with bed.start() as b:
        for seed in (*range(6), 54, 145, 146, 154, 156, 191, 214):
            worst = max(worst, pipelines(b, good, seed))
            assert worst < 6, f"seed {seed}: another one waits {worst:.1f} s"
    return f"another one waits {worst:.1f} s at most"


# ---- On trial. ----

def comes_back(bed, b, data, reason, limit_s, **options):
    """Install it, and wait until the old one is there again."""
    old = state(b, **options)
    staged(b, data, **options)
    assert b.http.post("/api/update", b"", **options).status == 202
    b.wait_state("unplugged", 5)
    begin = b.now

    def back():
        return b.log.find("the old version is back") and b.state == "leased"
    b.run_until(back, limit_s, "the old version isn't back")
    now = state(b, **options)
    assert now["build"] == old["build"] and now["last"] == {"result": "restored", "reason": reason}, now
    return b.now - begin


def test_a_version_that_crashes(bed, _):
    with bed.start() as b:
        took = comes_back(bed, b, bed.new().code("main", CRASH).data(), "fault", 60)
        report = b.http.get("/api/status").json()["report"]
        assert report and report["reason"] == "fault", report
        staged(b, bed.new().data())
        install(b)
        assert state(b)["version"] == "9.9.9"
    return f"back after {took:.1f} s"


def test_a_version_that_hangs(bed, _):
    with bed.start() as b:
        took = comes_back(bed, b, bed.new().code("main", HANG).data(), "watchdog", 150)
    return f"back after {took:.1f} s"


def test_trial_needs_a_host(bed, folder):
    """Nobody asks for the page: with a host the old one comes back after trial_s; without one it may take any time, and resets
    and power cuts don't count."""
    headers = {"X-Token": "y"}
    flash = os.path.join(folder, "flash")
    with bed.start(bed.signed_elf, flash=flash) as b:
        old = state(b, headers=headers)
        staged(b, bed.signed().data(KEY), headers=headers)
        assert b.http.post("/api/update", b"", headers=headers).status == 202
        b.wait_state("unplugged", 5)
        b.unplug()
        b.run_for(120)
        for _ in range(4):
            b.reset()
            b.run_for(3)
            b.power_cut()
            b.run_for(3)
        b.plug()
        b.wait_state("leased", START_S)
        now = state(b, headers=headers)
        assert now["state"] == "trial" and now["version"] == "9.9.9", now
        assert put(b, b"x", headers=headers).json()["error"]["code"] == "on_trial"
        b.run_until(lambda: b.log.find("the old version is back") and b.state == "leased", 60, "the old version isn't back")
        now = state(b, headers=headers)
        assert now["build"] == old["build"] and now["last"] == {"result": "restored", "reason": "not confirmed in time"}, now


def test_what_confirms(bed, _):
    """An answer of 400 or above doesn't; the first good one does, whatever came before."""
    with bed.start() as b:
        staged(b, bed.new().data())
        install(b)
        for _ in range(5):
            with b.tcp(80, s=5) as client:
                client.sendall(b"\x16\x03\x01 no request of HTTP\r\n\r\n")
                assert client.recv_until(b"\r\n\r\n").startswith(b"HTTP/1.1 400 ")
        assert b.http.get("/nothing").status == 404
        b.run_for(0.1)
        assert not b.log.find("9.9.9 is confirmed"), b.log.last()
        assert b.http.get("/").status == 200
        b.run_for(0.1)
        assert b.log.find("9.9.9 is confirmed"), b.log.last()


def test_the_product_decides(bed, _):
    headers = {"X-Token": "y"}
    with bed.start(bed.signed_elf) as b:
        assert b.http.post("/fails", b"", headers=headers).status == 500
        comes = bed.signed().data(KEY)
        staged(b, comes, headers=headers)
        install(b, headers=headers)
        b.http.connection().request("POST", "/fails", headers=headers)
        b.run_until(lambda: b.log.find("the old version is back") and b.state == "leased", 60, "the old version isn't back")
        assert state(b, headers=headers)["last"] == {"result": "restored", "reason": "given up by itself"}
        staged(b, comes, headers=headers)
        install(b, headers=headers)
        b.run_for(2)
        assert state(b, headers=headers)["state"] == "trial"
        assert b.http.post("/works", b"", headers=headers).status == 204
        b.run_for(30)
        now = state(b, headers=headers)
        assert now["state"] == "idle" and now["version"] == "9.9.9", now


# ---- Signed. ----

def test_signatures(bed, folder):
    headers = {"X-Token": "y"}
    other = os.path.join(folder, "other.pem")
    os.system(f"python3 {ROOT}/tool/image.py key {other} > /dev/null")
    with bed.start(bed.signed_elf) as b:
        assert b.http.get("/api/update").status == 403 and put(b, b"x").status == 403
        assert state(b, headers=headers)["signed"]
        good = bed.signed().data(KEY)
        refused(b, bed.signed().data(), 422, "unsigned", headers=headers)
        refused(b, bed.signed().data(other), 422, "signature", headers=headers)
        for at in (len(good) - 1, len(good) - 60, len(good) - 40):
            wrong = bytearray(good)
            wrong[at] ^= 1
            refused(b, bytes(wrong), 422, "signature", headers=headers)
        forged = bed.signed("9.9.8").data()
        refused(b, forged + good[-72:], 422, "signature", headers=headers)
        begin = b.now
        staged(b, good, headers=headers)
        took = b.now - begin
        install(b, headers=headers)
        assert state(b, headers=headers)["version"] == "9.9.9"
        assert b.http.post("/works", b"", headers=headers).status == 204
        staged(b, bed.signed("0.0.1").data(KEY), headers=headers)  # this product allows it
    return f"{len(good)} bytes staged and verified in {took:.2f} s"


# ---- Power cuts. ----

def test_cuts(bed, folder):
    """After some of the operations of staging, swap, confirmation and the way back: an old or a new version that is whole."""
    data = bed.new().data()
    flash = os.path.join(folder, "flash")
    with bed.start(flash=flash) as b:
        begin = b.flash_operations()
        staged(b, data)
        staging = b.flash_operations() - begin
        install(b)
        state(b)
        b.run_for(0.2)
        all_of_it = b.flash_operations() - begin
    versions = {}
    chosen = random.Random(3)
    cuts = [1, 2, staging // 2, staging - 1, staging, staging + 1, staging + 2, all_of_it - 1, all_of_it,
            *(chosen.randrange(staging + 1, all_of_it) for _ in range(6))]
    for cut in cuts:
        os.remove(flash)
        with bed.start(flash=flash) as b:
            b.power_cut_after(cut)
            try:
                put(b, data)
                b.http.post("/api/update", b"", s=5)
                b.run_until(lambda: not b.stats()["powered"], SWAP_S, "no cut")
                b.run_for(0.1)
            except (VirtualTimeout, OSError):
                pass
        with Board(board=bed.board, forwards=[80], flash=flash) as b:
            b.wait_state("leased", SWAP_S)
            version = state(b)["version"]
            versions[version] = versions.get(version, 0) + 1
    assert set(versions) <= {"9.9.9", Craft(bed.file) and "0.1.0"} and len(versions) == 2, versions
    return f"{len(cuts)} of {all_of_it} operations: {versions}"


def main(words):
    if len(words) not in (2, 3):
        sys.exit(__doc__)
    bed = Bed(*words[:2])
    if bed.flavour == "freertos" and not os.environ.get("FREERTOS_KERNEL_PATH"):
        print("skip all: FREERTOS_KERNEL_PATH is not set")
        return 0
    failed = ran = 0
    for name, test in list(globals().items()):
        if not name.startswith("test_") or (len(words) == 3 and words[2] not in name):
            continue
        ran += 1
        with tempfile.TemporaryDirectory() as folder:
            try:
                said = test(bed, folder)
                print(f"ok {name[5:]}" + (f"\n# {bed.board}, {bed.flavour}: {said}" if said else ""), flush=True)
            except Exception:  # pylint: disable=broad-except
                failed += 1
                lines = traceback.format_exc().strip().split("\n")
                print(f"not ok {name[5:]}: {lines[-1]}\n# " + "\n# ".join(lines[-12:]), flush=True)
    return 1 if failed or not ran else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
