"""A vendor function beside NCM (test/vendor): the kernel's usbtest module, then python3-usb, while the network is used."""
# SPDX-License-Identifier: MIT
import errno
import os
import random
import struct
import subprocess
import threading
import time
import zlib

import usb.core
import usb.util

from lib import QUICK, Board, check, log, read, run, table_find, usb_device, usbtest, wait_for

INTERFACE = 2  # NCM has 0 and 1
EP_IN, EP_OUT = 0x83, 0x02
SOURCE_SINK, ECHO, HOLD = 0, 1, 2
SET_MODE, LET_GO, COUNTERS = 0x10, 0x11, 0x12
COUNTER_NAMES = "out_messages out_bytes out_too_long in_messages in_bytes in_lost in_refused bad links held".split()
MESSAGE_MAX = 4096
LIMIT_MS = 20000
PACKET = 64

board, first = Board(1), Board(2)  # `first` lists the vendor function before NCM, since usbtest wants interface 0
state = {}


class Traffic:
    """Echoes and pages beside what happens meanwhile; all must be answered."""

    def __init__(self, board):
        self.board = board

    def __enter__(self):
        self.echo = subprocess.Popen(["ping", "-q", "-i", "0.05", "-s", "1400", self.board.address], stdout=subprocess.PIPE, text=True)
        self.pages, self.stop, self.error = 0, threading.Event(), None
        self.thread = threading.Thread(target=self.load)
        self.thread.start()
        return self

    def load(self):
        while not self.stop.is_set():
            try:
                self.board.get("/")
                self.pages += 1
            except OSError as error:
                self.error = error

    def __exit__(self, kind, *_):
        self.stop.set()
        self.thread.join(60)
        self.echo.send_signal(2)
        said = self.echo.communicate(timeout=60)[0]
        if kind is None:
            check(self.error is None and self.pages > 0, f"{self.pages} pages, {self.error}")
            sent, got = table_find(said, r"(\d+) packets transmitted, (\d+) received").groups()
            check(int(got) >= int(sent) - 2 and int(got) > 0, said)
            self.said = f"{got} of {sent} echoes, {self.pages} pages"


def begin():
    """begin"""
    for b in (board, first):
        b.attach().lease()
        state[b] = usb_device(b)
    run("modprobe", "usbtest", "pattern=1")
    driver = f"{first.device}/{first.interface(0)}/driver"
    wait_for("usbtest to bind", lambda: os.path.exists(driver), 5)
    check(os.path.basename(os.readlink(driver)) == "usbtest", os.readlink(driver))
    check(not os.path.exists(f"{board.device}/{board.interface(INTERFACE)}/driver"), "somebody has bound to the other one")


def control(request, value=0, b=board):
    state[b].ctrl_transfer(0x40, request, value, 0, None, LIMIT_MS)


def counters(b=board):
    words = bytes(state[b].ctrl_transfer(0xC0, COUNTERS, 0, 0, 64, LIMIT_MS))
    return dict(zip(COUNTER_NAMES, struct.unpack(f"<{len(COUNTER_NAMES)}I", words)))


# Number, rounds, length, vary, queue of each test of the module. What is read is whole packets: the source never pauses.
CONTROL = ((9, 20, 512, 0, 0), (10, 30, 512, 0, 32), (14, 50, 256, 17, 0), (21, 50, 256, 17, 0))
BULK = ((1, 60, 1000, 0, 0), (2, 60, 1024, 0, 0), (3, 60, 1000, 379, 0), (4, 60, 1024, 192, 0), (5, 20, 1000, 0, 8),
        (6, 20, 1024, 0, 8), (7, 20, 1000, 379, 8), (8, 20, 1024, 192, 8), (17, 30, 1000, 0, 0), (18, 30, 1024, 0, 0),
        (19, 30, 1000, 0, 0), (20, 30, 1024, 0, 0), (27, 3, 1024, 0, 32), (28, 3, 1024, 0, 32))
HALT = ((13, 10, 512, 0, 0), (29, 50, 512, 0, 0))
UNLINK = ((11, 20, 1024, 0, 0), (12, 20, 1024, 0, 0), (24, 10, 1024, 0, 16))
PATTERN = "/sys/module/usbtest/parameters/pattern"


def play(tests):
    """These tests of the module, while the network is used."""
    took = []
    with Traffic(first) as traffic:
        for number, rounds, length, vary, queue in tests:
            with open(PATTERN, "w", encoding="utf-8") as file:  # 27 and 28 compare nothing, and run with zeros alone
                file.write("0" if number in (27, 28) else "1")
            before = counters(first)
            seconds = usbtest(first, 0, number, rounds // 5 if QUICK else rounds, length, vary, queue)
            after = counters(first)
            log(f"usbtest {number}: {seconds:.2f} s, {({n: after[n] - before[n] for n in after if after[n] != before[n]})}")
            check(number in (27, 28) or after["bad"] == before["bad"], f"test {number}: {after['bad'] - before['bad']} wrong bytes")
            took.append(f"{number} {seconds:.1f} s")
    return f"{', '.join(took)}; {traffic.said}"


def control_tests():
    """usbtest, control 9, 10, 14, 21, beside the network"""
    return play(CONTROL)


def bulk_tests():
    """usbtest, bulk 1 to 8, 17 to 20, 27, 28, beside the network"""
    return play(BULK)


def halt_tests():
    """usbtest, halts 13, toggles 29, beside the network"""
    return play(HALT)


def unlink_tests():
    """usbtest, unlinks 11, 12, 24, beside the network"""
    return play(UNLINK)


def usbtest_ends():
    """both cards are as before"""
    run("rmmod", "usbtest")
    for b in (first, board):
        b.reachable()
        for name in ("rx_errors", "tx_errors"):
            check(read(f"/sys/class/net/{b.name}/statistics/{name}") == "0", name)


# ---- Messages, by python3-usb. ----

def mode(value):
    """A clean start: SET_INTERFACE forgets what was under way."""
    control(SET_MODE, value)
    state[board].set_interface_altsetting(INTERFACE, 0)


def send(message):
    """As libusb sends: a message of whole packets needs an empty one behind it."""
    check(state[board].write(EP_OUT, message, LIMIT_MS) == len(message), "cut short")
    if len(message) % PACKET == 0 and message:
        state[board].write(EP_OUT, b"", LIMIT_MS)


def receive(size=MESSAGE_MAX + 512):
    return bytes(state[board].read(EP_IN, size, LIMIT_MS))


def echo_check(message):
    answer = receive()
    length, crc = struct.unpack("<II", answer[:8])
    check(length == len(message) and crc == zlib.crc32(message) and answer[8:] == message,
          f"{len(message)} bytes sent, {length} came, {len(answer) - 8} came back")


def claim():
    """python3-usb opens the interface"""
    usb.util.claim_interface(state[board], INTERFACE)
    text = usb.util.get_string(state[board], state[board].get_active_configuration()[(INTERFACE, 0)].iInterface)
    check(text == "source and sink", text)


def messages():
    """messages of every kind of length both ways, beside the network"""
    mode(ECHO)
    generator = random.Random(1)
    lengths = [0, 1, 2, 55, 56, 57, 63, 64, 65, 119, 120, 127, 128, 129, 1000, 1024, 4032, 4088, 4095, 4096]
    lengths += [generator.randrange(4097) for _ in range(20 if QUICK else 60)]
    before = counters()
    with Traffic(board) as traffic:
        for length in lengths:
            message = generator.randbytes(length)
            send(message)
            echo_check(message)
    after = counters()
    for name, wanted in (("out_messages", len(lengths)), ("in_messages", len(lengths)), ("out_bytes", sum(lengths)),
                         ("in_bytes", sum(lengths) + 8 * len(lengths)), ("out_too_long", 0), ("in_lost", 0), ("in_refused", 0)):
        check(after[name] - before[name] == wanted, f"{name}: {after[name] - before[name]}, wanted {wanted}")
    return f"{len(lengths)} messages, {sum(lengths)} bytes; {traffic.said}"


def too_long():
    """a message longer than the buffer is dropped whole, and counted"""
    before = counters()
    for length in (MESSAGE_MAX + PACKET, MESSAGE_MAX + PACKET + 1, 9000, 12480, 20000):
        send(bytes(length))
        message = os.urandom(300)
        send(message)
        echo_check(message)
    after = counters()
    check(after["out_too_long"] - before["out_too_long"] == 5 and after["out_messages"] - before["out_messages"] == 5, f"{after}")


def times_out(call):
    try:
        call()
    except usb.core.USBTimeoutError:
        return True
    return False


def back_pressure():
    """nothing is taken until the product takes it; what waits isn't lost"""
    mode(HOLD)
    first, second = os.urandom(500), os.urandom(700)
    send(first)
    wait_for("the message to be kept", lambda: counters()["held"] == 1, 5)
    check(times_out(lambda: state[board].write(EP_OUT, second, 500)), "a second message was taken")
    check(counters()["out_bytes"] >= 500 and board.ping(), "the network stands still")
    control(LET_GO)
    echo_check(first)
    # What timed out had not begun: it comes whole, once.
    send(second)
    wait_for("the next one", lambda: counters()["held"] == 1, 5)
    control(LET_GO)
    echo_check(second)


def halts():
    """halted by the host in the middle of messages"""
    mode(ECHO)
    device = state[board]
    for endpoint in (EP_IN, EP_OUT):
        message = os.urandom(2000)
        if endpoint == EP_IN:
            send(message)  # the answer is under way
        else:
            device.write(EP_OUT, message[:640], LIMIT_MS)  # and no more of it
        device.ctrl_transfer(0x02, 3, 0, endpoint, None, LIMIT_MS)
        try:
            device.write(endpoint, b"x", LIMIT_MS) if endpoint == EP_OUT else device.read(endpoint, 64, LIMIT_MS)
            check(False, f"endpoint {endpoint:#x} answers though it is halted")
        except usb.core.USBError as error:
            check(error.errno == errno.EPIPE, f"{error}")
        device.clear_halt(endpoint)
        message = os.urandom(333)
        send(message)
        echo_check(message)


def resets():
    """port resets in the middle of messages, beside the network"""
    for _ in range(3 if QUICK else 8):
        state[board].write(EP_OUT, bytes(1280), LIMIT_MS)
        usb.util.dispose_resources(state[board])
        state[board].reset()
        board.name = wait_for("the card", board.card_find)
        board.hold()
        board.up()
        board.reachable()
        usb.util.claim_interface(state[board], INTERFACE)
        mode(ECHO)
        message = os.urandom(777)
        send(message)
        echo_check(message)


def descriptors():
    """BOS, MS OS 2.0 and WebUSB"""
    device = state[board]
    bos = bytes(device.ctrl_transfer(0x80, 6, 0x0F00, 0, 255, LIMIT_MS))
    check(len(bos) == 57 and bos[4] == 2, bos.hex())
    length = struct.unpack_from("<H", bos, 5 + 24)[0]
    ms_os = bytes(device.ctrl_transfer(0xC0, bos[5 + 26], 0, 7, 4096, LIMIT_MS))
    check(len(ms_os) == length == 18 + 28 + 160, f"{len(ms_os)} of {length} bytes")
    check("{5a8d2b1e-0c4f-4f0e-9b57-3c1d8e6a7f21}\0\0".encode("utf-16le") in ms_os, ms_os.hex())
    page = bytes(device.ctrl_transfer(0xC0, bos[33 + 22], bos[33 + 23], 2, 255, LIMIT_MS))
    check(page == b"\x13\x03\x01plugnet.example/", page)


def usable():
    """the page's server and the card are as before"""
    usb.util.dispose_resources(state[board])
    time.sleep(0.2)
    board.reachable()
    for name in ("rx_errors", "tx_errors"):
        check(read(f"/sys/class/net/{board.name}/statistics/{name}") == "0", name)


TESTS = [begin, control_tests, bulk_tests, halt_tests, unlink_tests, usbtest_ends, claim, messages, too_long, back_pressure, halts,
         resets, descriptors, usable]
