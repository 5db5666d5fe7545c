"""The console (examples/console) through Linux's own cdc_acm: a terminal program, a megabyte each way beside the network, and
what a host does to a serial port in the middle of it."""
# SPDX-License-Identifier: MIT
import array
import fcntl
import glob
import os
import pty
import re
import select
import subprocess
import termios
import threading
import time
import zlib

import usb.core
import usb.util

from lib import QUICK, SLOW, Board, Failed, check, dmesg, driver_of, read, run, table_find, wait_for

BYTES = 200_000 if QUICK else 1_000_000
ANSWER_S = 5
PROMPT = b"console> "
CONTROL_INTERFACE, DATA_INTERFACE = 3, 4  # NCM has two, DFU one
IN, OUT = 0x84, 0x02
USBDEVFS_RESET = 0x5514
DRIVER = "/sys/bus/usb/drivers/cdc_acm"

board = Board()
state = {}


class Port:
    """A serial port, raw, as a program opens it."""

    def __init__(self):
        self.path = "/dev/" + wait_for("a ttyACM", tty_find)
        self.file = os.open(self.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        attributes = termios.tcgetattr(self.file)
        attributes[0] = attributes[1] = attributes[3] = 0
        attributes[2] = attributes[2] & ~termios.CSIZE | termios.CS8 | termios.CREAD | termios.CLOCAL
        attributes[6][termios.VMIN], attributes[6][termios.VTIME] = 1, 0
        termios.tcsetattr(self.file, termios.TCSANOW, attributes)
        self.unread = b""

    def close(self):
        os.close(self.file)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def write(self, data, limit_s=ANSWER_S):
        end = time.monotonic() + limit_s * SLOW
        while data:
            left = end - time.monotonic()
            check(left > 0 and select.select([], [self.file], [], left)[1], f"{len(data)} bytes are not taken")
            data = data[os.write(self.file, data[:4096]):]

    def more(self, limit_s):
        """What has come; nothing at all, if nothing comes in time."""
        return os.read(self.file, 65536) if select.select([self.file], [], [], limit_s)[0] else b""

    def until(self, end, limit_s=ANSWER_S):
        """All up to these bytes."""
        deadline = time.monotonic() + limit_s * SLOW
        while end not in self.unread:
            left = deadline - time.monotonic()
            check(left > 0, f"{end!r} doesn't come; {len(self.unread)} bytes, last {self.unread[-80:]!r}")
            self.unread += self.more(left)
        at = self.unread.index(end) + len(end)
        got, self.unread = self.unread[:at], self.unread[at:]
        return got

    def ask(self, line, limit_s=ANSWER_S):
        """A command's answer, without its echo."""
        self.write(line.encode() + b"\r")
        self.until(line.encode() + b"\r\n")
        return self.until(PROMPT, limit_s)[:-len(PROMPT)].decode().replace("\r", "").rstrip("\n")

    def lines(self):
        """DTR, DSR and so on."""
        value = array.array("i", [0])
        fcntl.ioctl(self.file, termios.TIOCMGET, value)
        return value[0]

    def line_set(self, line, on):
        fcntl.ioctl(self.file, termios.TIOCMBIS if on else termios.TIOCMBIC, array.array("i", [line]))


def tty_find():
    found = glob.glob(f"{board.device}/{board.interface(CONTROL_INTERFACE)}/tty/ttyACM*")
    return os.path.basename(found[0]) if found and os.path.exists("/dev/" + os.path.basename(found[0])) else None


def opened():
    """A port with its prompt read."""
    port = Port()
    try:
        port.until(PROMPT)
    except Failed:
        port.close()
        raise
    return port


def counters(port):
    found = re.search(r"in (\d+) dropped (\d+) lost (\d+), out (\d+) lost (\d+), opens (\d+), breaks (\d+)", port.ask("status"))
    return dict(zip(("in", "dropped", "in_lost", "out", "out_lost", "opens", "breaks"), map(int, found.groups())))


class Load(threading.Thread):
    """The network at work beside: big echoes as fast as they come back, and a program that asks for the address' lines."""

    def __init__(self):
        super().__init__(daemon=True)
        self.ping = subprocess.Popen(["ping", "-f", "-q", "-s", "1472", board.address], stdout=subprocess.PIPE, text=True)
        self.stopping, self.echoed = False, 0
        self.start()

    def run(self):
        text = self.ping.stdout.read()
        self.echoed = int(re.search(r"(\d+) received", text)[1])

    def end(self):
        self.ping.send_signal(2)
        self.join(60)
        check(self.echoed > 100, f"only {self.echoed} echoes beside it")
        return self.echoed


def begin():
    """begin"""
    run("modprobe", "cdc_acm")
    board.attach().lease()


def binds():
    """cdc_acm and cdc_ncm bind, and complain of nothing"""
    for number, wanted in ((0, "cdc_ncm"), (1, "cdc_ncm"), (CONTROL_INTERFACE, "cdc_acm"), (DATA_INTERFACE, "cdc_acm")):
        driver = driver_of(f"/sys/bus/usb/devices/{board.interface(number)}")
        check(driver == wanted, f"interface {number} has driver {driver}")
    text = run("lsusb", "-v", "-s", "%d:%d" % board.number)
    for wanted in ("CDC Call Management", "CDC ACM", "CDC Union", "line coding and serial state", "sends break"):
        check(wanted in text, f"no {wanted}")
    bad = [line for line in dmesg().splitlines() if re.search(r"cdc_acm|ttyACM", line) and "USB ACM device" not in line
           and "registered new interface driver" not in line and "adapters" not in line]
    check(not bad, f"{bad}")
    return wait_for("a ttyACM", tty_find)


def picocom():
    """picocom: a command, Tab, history"""
    master, slave = pty.openpty()
    process = subprocess.Popen(["picocom", "-q", "/dev/" + tty_find()], stdin=slave, stdout=slave, stderr=slave,
                               start_new_session=True)
    os.close(slave)
    seen = b""

    def type_and_see(keys, wanted):
        nonlocal seen
        os.write(master, keys)
        end = time.monotonic() + ANSWER_S * SLOW
        while wanted not in seen:
            left = end - time.monotonic()
            check(left > 0 and select.select([master], [], [], left)[0], f"{wanted!r} doesn't come, but {seen[-200:]!r}")
            seen += os.read(master, 65536)
        seen = seen[seen.index(wanted) + len(wanted):]

    try:
        type_and_see(b"", b"plugnet console, try help\r\n\r" + PROMPT)
        type_and_see(b"up\t", b"up")
        type_and_see(b"\t", b"update  uptime  \r\n")
        type_and_see(b"t\t\r", b"uptime \x1b[K\r\n")
        type_and_see(b"", b" ms\r\n\r" + PROMPT)
        type_and_see(b"led gr\ton\r", b"on\r\n\r" + PROMPT)
        type_and_see(b"led\r", b"green on\r\n")
        type_and_see(b"\x1b[A\x1b[A\x7fff\r", b"led green on\x1b[K\b \bff\r\n\r" + PROMPT)
        type_and_see(b"led\r", b"green off\r\n")
        type_and_see(b"nonsense\r", b"nonsense: not known, try help\r\n")
    finally:
        os.write(master, b"\x01\x18")  # Ctrl-A Ctrl-X: it lets the port go
        process.wait(60)
        os.close(master)
    return "Tab, arrows, Backspace"


def coding():
    """line coding by stty"""
    path = "/dev/" + tty_find()
    told = []
    for words, wanted in ((("57600", "cs7", "parenb", "-parodd", "-cstopb"), "57600 7E1"),
                          (("1000000", "cs8", "parenb", "parodd", "cstopb"), "1000000 8O2"),
                          (("115200", "cs8", "-parenb", "-cstopb"), "115200 8N1")):
        with Port() as port:
            port.until(PROMPT)
            run("stty", "-F", path, *words)
            text = run("stty", "-F", path, "-a")
            check(f"speed {words[0]} baud" in text and words[1] in text, text)
            check(f"line {wanted}, DTR, RTS" in port.ask("status"), port.ask("status"))
        told.append(wanted)
    return ", ".join(told)


def break_():
    """a break ends what takes raw bytes"""
    with opened() as port:
        before = counters(port)["breaks"]
        port.write(b"sink 1000\r")
        port.until(b"send them\r\n")
        port.write(b"\x03\x03 these are taken as they are")
        termios.tcsendbreak(port.file, 0)
        port.until(PROMPT)
        after = counters(port)["breaks"]
    check(after == before + 1, f"{after - before} breaks")


def dtr():
    """DTR: carrier, and nobody reads what was for another"""
    with opened() as port:
        wait_for("DSR and DCD", lambda: port.lines() & termios.TIOCM_DSR and port.lines() & termios.TIOCM_CAR)
        before = counters(port)
        port.write(b"source 999999\r")
        port.until(b"source 999999\r\n")
        port.line_set(termios.TIOCM_DTR, False)
        while port.more(5):  # what was on its way when DTR fell is the old one's; a busy host takes its time with it
            pass
        port.line_set(termios.TIOCM_DTR, True)
        port.unread = b""
        said = port.until(PROMPT)
        check(said.startswith(b"plugnet console"), f"no greeting, or something before it: {said[:80]!r}")
        after = counters(port)
    check(after["opens"] == before["opens"] + 1, f"{after['opens'] - before['opens']} opens")
    for _ in range(5):  # what was written before the port was closed is done
        with open("/dev/" + tty_find(), "wb", buffering=0) as file:
            file.write(b"led green on\r")
        with opened() as port:
            check("green on" in port.ask("led"), "the command was lost")
            port.ask("led green off")
    return f"{after['in_lost'] + after['dropped']} bytes that nobody read"


def source(port, count, limit_s=60):
    begin = time.monotonic()
    port.write(b"source %d\r" % count)
    port.until(b"source %d\r\n" % count)
    got = port.until(b"\r\n", limit_s)[:-2]
    told = port.until(PROMPT)
    check(len(got) == count, f"{len(got)} of {count} bytes")
    check(b"crc32 %08x" % zlib.crc32(got) in told, f"{told!r} instead of {zlib.crc32(got):08x}")
    return count / 1000 / (time.monotonic() - begin)


def sink(port, count, limit_s=60):
    data = os.urandom(count)
    begin = time.monotonic()
    port.write(b"sink %d\r" % count)
    port.until(b"send them\r\n")
    port.write(data, limit_s)
    told = port.until(PROMPT, limit_s)
    check(b"crc32 %08x" % zlib.crc32(data) in told, f"{told!r} instead of {zlib.crc32(data):08x}")
    return count / 1000 / (time.monotonic() - begin)


def megabytes():
    """a megabyte each way beside the network under load"""
    with opened() as port:
        load = Load()
        try:
            rates = source(port, BYTES), sink(port, BYTES)
        finally:
            echoed = load.end()
    return f"{rates[0]:.0f} kB/s from the board, {rates[1]:.0f} kB/s to it, {echoed} echoes beside"


def sizes():
    """every length around a packet"""
    with opened() as port:
        for count in (1, 63, 64, 65, 127, 128, 129, 191, 192, 255, 256, 512, 513):
            source(port, count)
            sink(port, count)


def unread():
    """a port that is open, and not read: the board lives, and nothing comes late"""
    with opened() as port:
        fcntl.ioctl(port.file, termios.TIOCMGET, array.array("i", [0]))
        port.write(b"source 300000\r")
        time.sleep(1)
        check(board.ping(1), "no echo meanwhile")
        check(source_end(port) == 300_000, "bytes were lost")


def source_end(port):
    port.until(b"\r\n")
    return len(port.until(b"\r\n", 60)) - 2


def log():
    """the board's log is shown above the line"""
    with opened() as port:
        port.write(b"log one two\rled gre")
        port.until(b"\r\x1b[Kone two\r\n\r" + PROMPT)
        port.write(b"en\r")
        port.until(b"usage: led [NAME on|off|toggle]\r\n\r" + PROMPT)


def usb_open():
    bus, address = board.number
    device = usb.core.find(custom_match=lambda d: d.bus == bus and d.address == address)
    device.detach_kernel_driver(CONTROL_INTERFACE)  # the data interface goes with it
    return device


def halts():
    """halt of each endpoint, by a program that has the interfaces"""
    device = usb_open()
    try:
        device.ctrl_transfer(0x21, 0x22, 1, CONTROL_INTERFACE)  # DTR
        for endpoint in (IN, OUT, 0x83):
            device.ctrl_transfer(0x02, 3, 0, endpoint)
            try:
                device.write(endpoint, b"\r", 2000) if endpoint == OUT else device.read(endpoint, 64, 2000)
                raise Failed(f"no STALL of {endpoint:#x}")
            except usb.core.USBError as error:
                check(error.errno == 32, f"{endpoint:#x}: {error}")
            device.clear_halt(endpoint)
        check(bytes(device.read(0x83, 16, 2000)) == b"\xa1\x20\0\0\x03\0\x02\0\x03\0", "SERIAL_STATE")
        device.write(OUT, b"uptime\r", 2000)
        seen = b""
        while b" ms\r\n" not in seen:
            seen += bytes(device.read(IN, 128, 2000))
        # Line coding: read back as it was set, and refused where it makes no sense.
        device.ctrl_transfer(0x21, 0x20, 0, CONTROL_INTERFACE, b"\x00\xc2\x01\x00\x02\x01\x07")
        check(bytes(device.ctrl_transfer(0xA1, 0x21, 0, CONTROL_INTERFACE, 7)) == b"\x00\xc2\x01\x00\x02\x01\x07", "coding")
        try:
            device.ctrl_transfer(0x21, 0x20, 0, CONTROL_INTERFACE, b"\x00\xc2\x01\x00\x03\x00\x08")
            raise Failed("stop bits 3 are taken")
        except usb.core.USBError as error:
            check(error.errno == 32, str(error))
        device.ctrl_transfer(0x21, 0x22, 0, CONTROL_INTERFACE)
    finally:
        usb.util.dispose_resources(device)
        device.attach_kernel_driver(CONTROL_INTERFACE)
    with opened() as port:
        source(port, 5000)


def begun(port, command):
    """In the middle of a transfer that nobody reads. Not while bytes flow: vhci_hcd may send the unlink of a transfer before the
    transfer itself, and then ends its connection."""
    port.write(command)
    time.sleep(1.5)


def rebinds():
    """driver unbound and bound in the middle of a transfer"""
    for _ in range(2 if QUICK else 4):
        with opened() as port:
            begun(port, b"source 999999\r")
            with open(f"{DRIVER}/unbind", "w", encoding="utf-8") as file:
                file.write(board.interface(CONTROL_INTERFACE))
        with open(f"{DRIVER}/bind", "w", encoding="utf-8") as file:
            file.write(board.interface(CONTROL_INTERFACE))
        with opened() as port:
            source(port, 1000)


def resets():
    """USBDEVFS_RESET in the middle of a transfer, either way"""
    for number in range(2 if QUICK else 4):
        with opened() as port:
            begun(port, b"source 999999\r" if number % 2 else b"sink 999999\r" + bytes(5000))
            with open("/dev/bus/usb/%03d/%03d" % board.number, "wb") as file:
                fcntl.ioctl(file, USBDEVFS_RESET, 0)
        with opened() as port:
            source(port, 1000)
    board.name = wait_for("the card", board.card_find)
    board.hold()
    board.up()
    board.reachable()


def replugs():
    """unplugged and plugged in while it sends"""
    for _ in range(2 if QUICK else 4):
        with opened() as port:
            port.write(b"source 999999\r")
            port.more(1)
            board.detach()
        board.attach()
        with opened() as port:
            source(port, 1000)
    board.hold()
    board.up()
    board.reachable()


def usable():
    """all is well: network and console"""
    check(table_find(read(f"/sys/class/net/{board.name}/carrier"), "1"), "no carrier")
    board.reachable()
    check(b"<html" in board.get("/"), "no page")
    with opened() as port:
        said = port.ask("status")
        check("link up" in said, said)
        for word in ("led", "log", "sink", "source", "status", "update", "uptime", "help"):
            check(re.search(rf"^{word}\b", port.ask("help"), re.M), f"no {word} in help")
    return said.splitlines()[-1]


TESTS = [begin, binds, picocom, coding, break_, dtr, sizes, megabytes, unread, log, halts, rebinds, resets, replugs, usable]
