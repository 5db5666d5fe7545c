#!/usr/bin/env python3
"""The virtual board given out by usbredir, with its real firmware: a guest's side of the protocol over loopback.

    test/vboard/test_usbredir.py [NAME …]      prints "ok NAME" or "not ok NAME: why"

Messages are made and read here by the protocol's description, not by the server's code. Two boards run, so that each test
sees that the other one is left alone.
"""
# SPDX-License-Identifier: MIT
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build")
PROGRAM = os.path.join(BUILD, "vboard", "vboard")
IMAGE = os.path.join(BUILD, "stm32f4discovery-none", "plugnet.elf")

(HELLO, CONNECT, DISCONNECT, RESET, INTERFACE_INFO, EP_INFO, SET_CONFIGURATION, GET_CONFIGURATION, CONFIGURATION_STATUS,
 SET_ALT_SETTING, GET_ALT_SETTING, ALT_SETTING_STATUS) = range(12)
START_INTERRUPT, STOP_INTERRUPT, INTERRUPT_STATUS, ALLOC_STREAMS = 15, 16, 17, 18
CANCEL, DISCONNECT_ACK, START_BULK_RECEIVING = 21, 24, 25
CONTROL, BULK, ISO, INTERRUPT = 100, 101, 102, 103
SUCCESS, CANCELLED, INVAL, IOERROR, STALL = 0, 1, 2, 3, 4
CAPS = 0b1111110  # all but bulk streams; none of bulk receiving
SLOW = 10  # a machine may be so many times slower than it should
TRANSFER_MAX = 1 << 20


class Boards:
    """Two virtual boards in one program."""

    def __init__(self):
        self.process = subprocess.Popen([PROGRAM, "--usbredir", "0", IMAGE, IMAGE], stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.log = ""
        try:
            self.wait_log("usbredir at .*\n.*usbredir at .*\n")
        except AssertionError:
            self.process.kill()
            self.process.wait()
            raise
        self.ports = [int(port) for port in re.findall(r"usbredir at 127\.0\.0\.1:(\d+)", self.log)]

    def read_log(self):
        while chunk := self.process.stdout.read():
            self.log += chunk.decode()
        return self.log

    def wait_log(self, pattern, since=0, limit_s=3):
        end = time.monotonic() + limit_s * SLOW
        while not re.search(pattern, self.read_log()[since:]):
            assert time.monotonic() < end and self.process.poll() is None, f"no {pattern!r} in {self.log[-400:]!r}"
            time.sleep(0.01)

    def end(self, number=signal.SIGINT):
        self.process.send_signal(number)
        try:
            return self.process.wait(10 * SLOW)
        finally:
            self.process.kill()


class Guest:
    """One connection; it has said hello unless `silent`."""

    def __init__(self, boards, index=0, caps=CAPS, silent=False):
        self.socket = socket.create_connection(("127.0.0.1", boards.ports[index]), timeout=3 * SLOW)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.caps, self.id, self.notes, self.answers = 0, 100, [], {}
        guests.append(self)
        if not silent:
            self.say(HELLO, struct.pack("<64sI", b"a test", caps), 0)
            kind, _, body = self.hear()
            assert kind == HELLO and body[:22] == b"plugnet virtual board\0", (kind, body)
            assert struct.unpack("<I", body[64:]) == (CAPS,), body[64:]
            self.caps = caps & CAPS

    def close(self, rudely=False):
        if rudely:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def header(self, kind, length, number):
        return struct.pack("<IIQ" if self.caps & 1 << 5 else "<III", kind, length, number)

    def say(self, kind, body=b"", number=None):
        if number is None:
            self.id += 1
            number = self.id
        self.socket.sendall(self.header(kind, len(body), number) + body)
        return number

    def exactly(self, length):
        data = b""
        while len(data) < length:
            chunk = self.socket.recv(length - len(data))
            assert chunk, f"the connection ended, {length - len(data)} bytes were due"
            data += chunk
        return data

    def hear(self):
        """The next message but interrupt packets, which are noted."""
        while True:
            head = self.exactly(16 if self.caps & 1 << 5 else 12)
            kind, length, number = struct.unpack("<IIQ" if self.caps & 1 << 5 else "<III", head)
            body = self.exactly(length)
            if kind != INTERRUPT:
                return kind, number, body
            self.notes.append((number, body))

    def hear_of(self, wanted):
        kind, number, body = self.hear()
        assert kind == wanted, f"message {kind} instead of {wanted}: {body[:20].hex()}"
        return number, body

    def answer(self, number, kind=BULK):
        """A packet's; others that come before are kept."""
        while number not in self.answers:
            found, other, body = self.hear()
            assert found in (CONTROL, BULK) and other not in self.answers, (found, other)
            self.answers[other] = (found, body)
        found, body = self.answers.pop(number)
        assert found == kind, (found, kind)
        return body

    def closed(self):
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionResetError:
            pass
        return True

    def info(self):
        """Endpoints that there are: address to type and packet size."""
        body = self.hear_of(EP_INFO)[1]
        assert len(body) == (160 if self.caps & 1 << 4 else 96), len(body)
        self.interfaces = self.hear_of(INTERFACE_INFO)[1]
        sizes = struct.unpack("<32H", body[96:]) if len(body) == 160 else [0] * 32
        self.endpoints = {(i & 15) | (i & 16) << 3: (body[i], sizes[i]) for i in range(32) if body[i] != 255}

    def attach(self):
        self.info()
        self.device = self.hear_of(CONNECT)[1]
        return self

    def control(self, kind, request, value=0, index=0, data_or_length=b""):
        out = isinstance(data_or_length, bytes)
        length = len(data_or_length) if out else data_or_length
        number = self.say(CONTROL, struct.pack("<BBBBHHH", kind & 0x80, request, kind, 0, value, index, length)
                          + (data_or_length if out else b""))
        body = self.answer(number, CONTROL)
        assert body[:3] == bytes([kind & 0x80, request, kind]) and struct.unpack("<H", body[8:10])[0] >= len(body) - 10
        return body[3], body[10:]

    def bulk_body(self, endpoint, length, data=b""):
        wide = struct.pack("<H", length >> 16) if self.caps & 1 << 6 else b""
        return struct.pack("<BBHI", endpoint, 0, length & 0xFFFF, 0) + wide + data

    def bulk_read(self, body):
        own = 10 if self.caps & 1 << 6 else 8
        return body[1], body[own:]

    def read_say(self, length=16384):
        return self.say(BULK, self.bulk_body(self.data_in, length))

    def read(self, length=16384):
        return self.bulk_read(self.answer(self.read_say(length)))

    def write(self, data):
        return self.bulk_read(self.answer(self.say(BULK, self.bulk_body(self.data_out, len(data), data))))[0]

    def configure(self, value=1):
        number = self.say(SET_CONFIGURATION, bytes([value]))
        self.info()
        assert self.hear_of(CONFIGURATION_STATUS) == (number, bytes([SUCCESS, value]))

    def alternate(self, value=1):
        number = self.say(SET_ALT_SETTING, bytes([1, value]))
        self.info()
        assert self.hear_of(ALT_SETTING_STATUS) == (number, bytes([SUCCESS, 1, value]))
        bulk = [address for address, (kind, _) in self.endpoints.items() if kind == 2]
        if value:
            self.data_in = next(address for address in bulk if address & 0x80)
            self.data_out = next(address for address in bulk if not address & 0x80)

    def network(self):
        """As a driver does it."""
        self.configure()
        self.alternate(0)
        status, parameters = self.control(0xA1, 0x80, 0, 0, 28)
        assert status == SUCCESS and len(parameters) == 28
        self.alternate(1)
        return self

    def discover(self):
        """A DHCP offer for a discovery: frames go both ways."""
        assert self.write(block(discovery())) == SUCCESS
        for _ in range(20):
            status, data = self.read()
            assert status == SUCCESS and data[:4] == b"NCMH", (status, data[:8])
            if b"\x63\x82\x53\x63\x35\x01\x02" in data:
                return
        raise AssertionError("no DHCP offer among 20 blocks")


def discovery():
    """A DHCPDISCOVER in its Ethernet frame."""
    options = b"\x63\x82\x53\x63\x35\x01\x01\x37\x02\x01\x03\xff"
    dhcp = struct.pack("!BBBBIHHIIII16s64s128s", 1, 1, 6, 0, 0x12345678, 0, 0x8000, 0, 0, 0, 0,
                       b"\x00\x80\xe1\x49\x02\x1d", b"", b"") + options
    udp = struct.pack("!HHHH", 68, 67, 8 + len(dhcp), 0) + dhcp
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, bytes(4), b"\xff" * 4)
    total = sum(struct.unpack("!10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    head = head[:10] + struct.pack("!H", 0xFFFF & ~(total + (total >> 16))) + head[12:]
    return b"\xff" * 6 + b"\x00\x80\xe1\x49\x02\x1d\x08\x00" + head + udp


def block(frame):
    """One frame in an NTB: header, table, frame."""
    total = 28 + len(frame)
    data = struct.pack("<IHHHH", 0x484D434E, 12, 0, total, 12)
    data += struct.pack("<IHHHHHH", 0x304D434E, 16, 0, 28, len(frame), 0, 0) + frame
    return data + (b"\0" if total % 64 == 0 else b"")


boards = None
guests = []


def guest(**options):
    return Guest(boards, **options).attach()


def serves(index=0):
    """The board is given out anew, and its network works."""
    one = guest(index=index).network()
    one.discover()
    one.close()


def test_hello_capabilities_device():
    """hello, capabilities, endpoints, interfaces, device"""
    one = guest()
    assert one.device == bytes([1, 0xEF, 2, 1, 9, 0x12, 1, 0]) + one.device[8:10], one.device.hex()
    assert len(one.device) == 10 and one.endpoints[0] == (0, 64) and one.endpoints[0x80] == (0, 64), one.endpoints
    assert [kind for kind, _ in one.endpoints.values()].count(3) == 1, one.endpoints
    assert struct.unpack("<I", one.interfaces[:4])[0] >= 2 and one.interfaces[36] == 2 and one.interfaces[68] == 13
    one.close()
    old = guest(caps=0)  # a guest of the first version: short ids, short lengths, no packet sizes
    assert len(old.device) == 8 and old.endpoints[0] == (0, 0), old.endpoints
    old.network().discover()
    old.close()


def test_control():
    """control requests, and what the device refuses"""
    one = guest()
    status, device = one.control(0x80, 6, 0x100, 0, 64)
    assert status == SUCCESS and len(device) == 18 and device[8:12] == bytes([9, 0x12, 1, 0]), device.hex()
    assert one.control(0x80, 6, 0x6300, 0, 64) == (STALL, b"")
    assert one.control(0x00, 3, 0x99, 0)[0] == STALL
    assert one.control(0x80, 0, 0, 0, 2)[0] == SUCCESS
    assert one.say(GET_CONFIGURATION) and one.hear_of(CONFIGURATION_STATUS)[1] == bytes([SUCCESS, 1])
    assert one.say(GET_ALT_SETTING, b"\1") and one.hear_of(ALT_SETTING_STATUS)[1] == bytes([SUCCESS, 1, 0])
    assert one.say(SET_ALT_SETTING, b"\x09\x01") and one.hear_of(ALT_SETTING_STATUS)[1][0] == STALL
    one.configure(0)
    assert set(one.endpoints) == {0, 0x80}, one.endpoints
    one.network().discover()
    one.close()


def test_bulk_both_ways():
    """bulk both ways: a DHCP offer for a discovery"""
    one = guest().network()
    for _ in range(5):
        one.discover()
    one.close()


def test_interrupts():
    """interrupt receiving, started and stopped"""
    one = guest()
    endpoint = next(address for address, (kind, _) in one.endpoints.items() if kind == 3)
    one.network()
    one.say(START_INTERRUPT, bytes([endpoint]))
    assert one.hear_of(INTERRUPT_STATUS)[1] == bytes([SUCCESS, endpoint])
    end = time.monotonic() + SLOW
    while len(one.notes) < 2 and time.monotonic() < end:
        one.control(0x80, 0, 0, 0, 2)
    lengths = sorted(len(body) - 4 for _, body in one.notes)
    assert lengths == [8, 16] and [number for number, _ in one.notes] == [0, 1], one.notes
    one.say(STOP_INTERRUPT, bytes([endpoint]))
    assert one.hear_of(INTERRUPT_STATUS)[1] == bytes([SUCCESS, endpoint])
    one.alternate(0)
    one.alternate(1)
    one.discover()
    assert len(one.notes) == 2, one.notes
    one.close()


def test_resets():
    """bus resets: the device is unconfigured, and goes on when it is configured"""
    one = guest().network()
    since = len(boards.read_log())
    for i in range(30):
        pending = one.read_say() if i % 2 else None
        one.say(RESET)
        if pending:
            body = one.answer(pending)
            assert one.bulk_read(body)[0] in (SUCCESS, CANCELLED), body
        one.say(GET_CONFIGURATION)
        assert one.hear_of(CONFIGURATION_STATUS)[1] == bytes([SUCCESS, 0])
        one.network()
        if i % 10 == 0:
            one.discover()
    seen = boards.read_log()[since:].count("board 1 bus reset, address ")
    assert seen == 30, seen
    one.close()


def test_cancels():
    """cancels: each packet is answered once"""
    one = guest().network()
    one.discover()
    for i in range(50):
        first, second = one.read_say(), one.read_say()
        if i % 3 == 0:
            time.sleep(0.005)
        one.say(CANCEL, number=second)
        one.say(CANCEL, number=second)
        one.say(CANCEL, number=first)
        one.say(CANCEL, number=1 << 40)
        statuses = [one.bulk_read(one.answer(number))[0] for number in (second, first)]
        assert set(statuses) <= {SUCCESS, CANCELLED}, statuses
        one.control(0x80, 0, 0, 0, 2)
        assert not one.answers, one.answers
    one.discover()
    one.close()


def test_halts():
    """halts of the bulk endpoints, set and cleared by the guest"""
    one = guest().network()
    for _ in range(3):
        for endpoint in (one.data_in, one.data_out):
            assert one.control(0x02, 3, 0, endpoint)[0] == SUCCESS
            assert one.control(0x82, 0, 0, endpoint, 2) == (SUCCESS, b"\1\0")
        assert one.read()[0] == STALL and one.write(block(discovery())) == STALL
        for endpoint in (one.data_in, one.data_out):
            assert one.control(0x02, 1, 0, endpoint)[0] == SUCCESS
            assert one.control(0x82, 0, 0, endpoint, 2) == (SUCCESS, b"\0\0")
        one.discover()
    one.close()


def test_malformed():
    """malformed messages close that connection and nothing else"""
    other = guest(index=1)
    cases = [(kind, b"\0" * 8) for kind in (CONNECT, DISCONNECT, INTERFACE_INFO, EP_INFO, CONFIGURATION_STATUS, HELLO, 28, 99,
                                            104, 1 << 31)]
    cases += [(RESET, b"x"), (SET_CONFIGURATION, b""), (SET_ALT_SETTING, b"\1"), (CONTROL, b"\0" * 9), (BULK, b"\2" * 9),
              (ALLOC_STREAMS, bytes(8)), (START_BULK_RECEIVING, bytes(10)), (CANCEL, b"1234"),
              (BULK, struct.pack("<BBHIH", 2, 0, 5, 0, 0) + b"abc"), (CONTROL, struct.pack("<BBBBHHH", 0x80, 6, 0x80, 0, 0, 0, 1) + b"x")]
    for kind, body in cases:
        one = guest()
        since = len(boards.read_log())
        one.say(kind, body)
        assert one.closed(), kind
        boards.wait_log("usbredir: .*; connection closed", since)
        one.close()
        assert other.control(0x80, 0, 0, 0, 2)[0] == SUCCESS
    other.close()
    for greeting in (b"GET / HTTP/1.1\r\n\r\n", struct.pack("<III", HELLO, 4, 0) + b"tiny", struct.pack("<III", RESET, 0, 0)):
        one = Guest(boards, silent=True)
        one.socket.sendall(greeting)
        assert one.closed()
        one.close()
    serves()


def test_oversize():
    """messages and transfers that are too long"""
    one = guest().network()
    assert one.read(TRANSFER_MAX + 1) == (INVAL, b"") and one.read(0xFFFFFFFF) == (INVAL, b"")
    for _ in range(20):  # a frame that the board sends meanwhile makes room
        waiting = [one.read_say(TRANSFER_MAX) for _ in range(3)]
        status = one.write(bytes(TRANSFER_MAX))
        full = not any(number in one.answers for number in waiting)
        for number in waiting:
            one.say(CANCEL, number=number)
            one.answer(number)
        if full:
            break
    assert full and status == IOERROR, (full, status)  # no room: read over, refused
    one.discover()
    for length in (TRANSFER_MAX + 11, 0xFFFFFFFF):
        one.socket.sendall(one.header(BULK, length, 5))
        assert one.closed()
        one.close()
        one = guest().network()
    one.discover()
    one.close()


def test_half_messages():
    """half messages: byte by byte, and cut off anywhere"""
    one = guest().network()
    body = one.bulk_body(one.data_out, len(block(discovery())), block(discovery()))
    for byte in one.header(BULK, len(body), 77) + body:
        one.socket.sendall(bytes([byte]))
    one.answer(77)
    one.close()
    for cut in (1, 11, 15, 16, 17, 25, 26, 27, 100):
        one = guest().network()
        since = len(boards.read_log())
        one.socket.sendall((one.header(BULK, len(body), 77) + body)[:cut])
        one.close()
        boards.wait_log("board 1 given back", since)
    serves()


def test_second_connection():
    """a second guest is turned away, the first doesn't notice"""
    one = guest().network()
    two = Guest(boards)
    assert two.closed()
    two.close()
    assert "board 1 is in use" in boards.read_log()
    one.discover()
    serves(1)
    one.close()
    serves()


def test_gone_in_mid_transfer():
    """a guest that vanishes in mid transfer leaves the board to the next one"""
    for _ in range(5):
        one = guest().network()
        for _ in range(10):
            one.read_say()
            one.say(BULK, one.bulk_body(one.data_out, 3000, bytes(3000)))
        one.say(RESET)
        one.close(rudely=True)
    serves()


def test_board_that_leaves():
    """a board that goes into its boot loader is gone, and comes back as another device"""
    one = guest()
    count = struct.unpack("<I", one.interfaces[:4])[0]
    dfu = next(one.interfaces[4 + i] for i in range(count) if one.interfaces[36 + i] == 0xFE)
    one.network()
    waiting = [one.read_say() for _ in range(20)]
    assert one.control(0x21, 0, 1000, dfu)[0] == SUCCESS  # DFU_DETACH
    assert one.bulk_read(one.answer(waiting[-1]))[0] in (CANCELLED, IOERROR)
    one.hear_of(DISCONNECT)
    assert one.answer(one.say(CONTROL, struct.pack("<BBBBHHH", 0x80, 0, 0x80, 0, 0, 0, 2)), CONTROL)[3] == IOERROR
    one.say(DISCONNECT_ACK, number=0)
    one.attach()
    assert one.device[4:8] == bytes([0x83, 0x04, 0x11, 0xDF]), one.device.hex()
    assert one.control(0x80, 6, 0x100, 0, 18)[1][8:12] == one.device[4:8]
    one.close()


TESTS = [test_hello_capabilities_device, test_control, test_bulk_both_ways, test_interrupts, test_resets, test_cancels,
         test_halts, test_malformed, test_oversize, test_half_messages, test_second_connection, test_gone_in_mid_transfer,
         test_board_that_leaves]


def refused(arguments, part):
    done = subprocess.run([PROGRAM, *arguments, IMAGE], capture_output=True, text=True, timeout=60, check=False)
    lines = done.stderr.splitlines()
    assert done.returncode == 2 and len(lines) == 1 and part in lines[0], (arguments, done.returncode, done.stderr)


def test_command_line():
    """command line"""
    refused(["--usbredir", "door"], "--usbredir door: expected a port")
    refused(["--usbredir", "1.2.3:4"], "expected a port, or ADDRESS:PORT")
    refused(["--usbredir", "0", "--usbip", "0"], "one of --usbip and --usbredir")
    refused(["--usbredir", "0", "--fast"], "--usbredir gives the board to another machine")
    refused(["--usbredir", "65535", IMAGE], "")
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        refused(["--usbredir", str(busy.getsockname()[1])], "in use")


def play(test):
    try:
        test()
    except Exception as error:  # whatever it was, the others go on
        print(f"not ok usbredir {test.__doc__}: {type(error).__name__}: {' '.join(str(error).split())[:400]}; "
              f"{boards.read_log()[-300:]!r}", flush=True)
        return False
    finally:
        while guests:
            guests.pop().close()
    print(f"ok usbredir {test.__doc__}", flush=True)
    return True


def main(names):
    global boards
    if not os.path.exists(IMAGE):
        print(f"not ok usbredir: {IMAGE} is not built")
        return 1
    boards = Boards()
    try:
        boards.wait_log("board 2 enumerated")
        chosen = [test for test in [*TESTS, test_command_line] if not names or test.__name__[5:] in names]
        good = all([play(test) for test in chosen])
    finally:
        code = boards.end()
    print(f"{'ok' if code == 0 else 'not ok'} usbredir ends cleanly" + ("" if code == 0 else f": exit code {code}"))
    return 0 if good and code == 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
