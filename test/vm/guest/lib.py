"""What the tests in the guest share: running programs, waiting, plugging boards in, asking them.

A test is a function with a docstring, which names it; it fails by an exception. guest/NAME.py ends with TESTS, a
list of them in order.
"""
# SPDX-License-Identifier: MIT
import ctypes
import errno
import fcntl
import glob
import gzip
import json
import os
import re
import socket
import struct
import subprocess
import time
import urllib.request

SERVER = "10.0.2.100"
QUICK = os.environ.get("CHECK") == "quick"
REDIR = os.environ.get("REDIR", "")  # where boards are plugged in by usbredir; "": by USB/IP
LOG = "/dev/ttyS0"
USBDEVFS_RESET = 0x5514
DRIVER = "/sys/bus/usb/drivers/cdc_ncm"


class Failed(Exception):
    pass


class Skip(Exception):
    pass


def check(condition, why):
    if not condition:
        raise Failed(why)


def log(text):
    """Onto the console, which a failed run shows."""
    with open(LOG, "w", encoding="utf-8") as file:
        file.write(f"# {text}\n")


SLOW = 10  # a machine may be so many times slower than it should: limits catch what hangs


def run(*words, limit=60, good=(0,), quiet=False):
    """What a program prints, both streams together."""
    try:
        done = subprocess.run(words, text=True, errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=limit * SLOW)
    except subprocess.TimeoutExpired as error:
        raise Failed(f"{' '.join(words)[:80]} didn't end in {limit * SLOW} s: {str(error.output)[-300:]}") from None
    if not quiet:
        log(f"{' '.join(words)[:120]} -> {done.returncode}")
    if good is not None and done.returncode not in good:
        raise Failed(f"{' '.join(words)[:80]} ended with {done.returncode}: {done.stdout.strip()[-300:]}")
    return done.stdout


def wait_for(what, condition, limit_s=30, pause_s=0.1):
    """The first true value of condition()."""
    end = time.monotonic() + limit_s * SLOW
    while True:
        if value := condition():
            return value
        if time.monotonic() > end:
            raise Failed(f"{what}: not within {limit_s * SLOW} s")
        time.sleep(pause_s)


def driver_of(folder):
    """The name of the driver that is bound to an interface. A card is there before its second interface is in sysfs: that is waited for."""
    wait_for(f"a driver for {folder}", lambda: os.path.islink(f"{folder}/driver"))
    return os.path.basename(os.readlink(f"{folder}/driver"))


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read().strip()


def dmesg():
    return run("dmesg", quiet=True)


def run_ask(text):
    """run.py does it, outside; nothing is answered: look for what comes of it."""
    print(f"@{text}", flush=True)


class Board:
    """A board that is given out as 1-N, and its network card here once it is plugged in. By usbredir: `place` is where,
    another than all others' (run.py, PLACES)."""

    attached = []

    def __init__(self, number=1, place=""):
        self.given, self.place = number, place
        self.busid = f"1-{number}"
        self.device = None  # folder in /sys/bus/usb/devices
        self.name = None    # of the interface
        self.address = self.own = None

    def attach(self, driver=True):
        before = set(glob.glob("/sys/bus/usb/devices/*/idVendor"))
        self.plug()
        new = wait_for("a new USB device", lambda: set(glob.glob("/sys/bus/usb/devices/*/idVendor")) - before)
        self.device = os.path.dirname(new.pop())
        Board.attached.append(self)
        if driver:
            self.name = wait_for("a network card", self.card_find)
            if "udevd" in running:  # which may rename it
                run("udevadm", "settle", quiet=True)
                self.name = self.card_find()
        return self

    def plug(self):
        if REDIR:
            run_ask(f"plug {self.given} {self.place}")
        else:
            run("usbip", "attach", "-r", SERVER, "-b", self.busid, limit=60)

    def card_find(self):
        found = glob.glob(f"{self.device}/{os.path.basename(self.device)}:*/net/*")
        return os.path.basename(found[0]) if found else None

    def detach(self):
        if REDIR:
            run_ask(f"unplug {self.given}")
        else:
            run("usbip", "detach", "-p", str(int(self.device.rsplit("-", 1)[1]) - 1))
        Board.attached.remove(self)
        wait_for("the device to go", lambda: not os.path.exists(self.device))
        self.device = self.name = None

    @property
    def number(self):
        """What /dev/bus/usb and lsusb call it."""
        return int(read(f"{self.device}/busnum")), int(read(f"{self.device}/devnum"))

    @property
    def serial(self):
        return read(f"{self.device}/serial")

    @property
    def mac(self):
        return read(f"/sys/class/net/{self.name}/address")

    def interface(self, number):
        return f"{os.path.basename(self.device)}:1.{number}"

    def up(self):
        run("ip", "link", "set", self.name, "up", quiet=True)
        wait_for("carrier", lambda: read(f"/sys/class/net/{self.name}/carrier") == "1")

    def down(self):
        run("ip", "link", "set", self.name, "down", quiet=True)

    def lease(self):
        """By the smallest of clients, without any script: the address goes onto the interface."""
        self.up()
        script = "/tmp/lease.sh"
        with open(script, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\n[ \"$1\" = bound ] && echo \"$ip $mask $serverid $router $dns\" > /tmp/lease.$interface\n"
                       "exit 0\n")
        os.chmod(script, 0o755)
        run("busybox", "udhcpc", "-i", self.name, "-q", "-n", "-f", "-t", "5", "-T", "2", "-s", script)
        self.own, _, self.address = read(f"/tmp/lease.{self.name}").split()[:3]
        run("ip", "addr", "flush", "dev", self.name, quiet=True)
        self.hold()
        return self

    def hold(self):
        """Have the leased address, whatever a client did to it."""
        run("ip", "link", "set", self.name, "up", quiet=True)
        run("ip", "addr", "replace", f"{self.own}/29", "dev", self.name, quiet=True)

    def back(self):
        """Its card is there, again: as before, without asking again, since what is tested is the cable."""
        self.name = wait_for("the card", self.card_find)
        self.hold()
        self.up()
        self.reachable()

    def bus_reset(self):
        with open("/dev/bus/usb/%03d/%03d" % self.number, "wb") as file:
            fcntl.ioctl(file, USBDEVFS_RESET, 0)
        self.back()

    def rebind(self):
        """Take the driver away, and bind it again."""
        with open(f"{DRIVER}/unbind", "w", encoding="utf-8") as file:
            file.write(self.interface(0))
        wait_for("the card to go", lambda: not os.path.exists(f"/sys/class/net/{self.name}"))
        with open(f"{DRIVER}/bind", "w", encoding="utf-8") as file:
            file.write(self.interface(0))
        self.back()

    def ping(self, limit_s=1.0):
        """True if an echo is answered in time."""
        done = subprocess.run(["ping", "-c", "1", "-W", str(limit_s * SLOW), "-I", self.name, self.address],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return done.returncode == 0

    def reachable(self, limit_s=10):
        wait_for(f"{self.address} to answer", self.ping, limit_s)

    def get(self, path, limit_s=20):
        with urllib.request.urlopen(f"http://{self.address}{path}", timeout=limit_s * SLOW) as reply:
            body = reply.read()
            return gzip.decompress(body) if reply.headers["Content-Encoding"] == "gzip" else body

    def status(self):
        return json.loads(self.get("/api/status"))


def checksum(data):
    """The internet's: RFC 1071 [unread]."""
    total = sum(struct.unpack(f">{len(data) // 2 + len(data) % 2}H", data + bytes(len(data) % 2)))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def echoes(board, length, count, pause_s=0.01):
    """Ask for `count` echoes of `length` bytes each; all must come back as they were, however late, but for those that Linux itself
    dropped before the cable, and counted: usbnet does so while a board on a busy machine stands still. ICMP's message: RFC 792
    [unread]."""
    def dropped():
        return int(read(f"/sys/class/net/{board.name}/statistics/tx_dropped"))
    before = dropped()
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as s:
        s.connect((board.address, 0))
        s.settimeout(1)
        sent = {}
        for number in range(count):
            sent[number] = os.urandom(length)
            message = struct.pack(">BBHHH", 8, 0, 0, os.getpid() & 0xFFFF, number) + sent[number]
            s.send(message[:2] + struct.pack(">H", checksum(message)) + message[4:])
            time.sleep(pause_s)
        end = time.monotonic() + 2 * SLOW
        while sent:
            try:
                reply = s.recv(2000)[20:]
            except TimeoutError:
                if len(sent) <= dropped() - before:
                    return
                if time.monotonic() < end:
                    continue
                raise Failed(f"{len(sent)} of {count} echoes of {length} bytes are missing: {sorted(sent)}; "
                             f"drops {board.status()['usb']['drops']}") from None
            kind, _, _, ours, number = struct.unpack(">BBHHH", reply[:8])
            if kind == 0 and ours == os.getpid() & 0xFFFF and number in sent:
                check(reply[8:] == sent.pop(number), f"{length} bytes came back changed")


# What an init system would start: a program, and when it is there. Users that the packages' scripts would have made.
DAEMONS = {
    "dbus": (["dbus-daemon", "--system", "--nofork", "--nopidfile"], "/run/dbus/system_bus_socket"),
    "resolved": (["/usr/lib/systemd/systemd-resolved"], "/run/systemd/resolve/io.systemd.Resolve"),
    "networkd": (["/usr/lib/systemd/systemd-networkd"], "/run/systemd/netif/state"),
    "udevd": (["/usr/lib/systemd/systemd-udevd"], "/run/udev/control"),
    "avahi": (["avahi-daemon", "--no-drop-root", "--no-chroot"], "/run/avahi-daemon/socket"),
    "manager": (["NetworkManager", "--no-daemon", "--log-level=DEBUG"], "/run/NetworkManager/devices"),
}
USERS = ("messagebus", "avahi", "systemd-resolve", "systemd-network", "systemd-timesync", "dhcpcd")
running = {}


def users_make():
    with open("/etc/passwd", "a+", encoding="utf-8") as passwd, open("/etc/group", "a", encoding="utf-8") as group:
        passwd.seek(0)
        known = {line.split(":")[0] for line in passwd}
        for number, name in enumerate(USERS, 900):
            if name not in known:
                passwd.write(f"{name}:x:{number}:{number}::/:/usr/sbin/nologin\n")
                group.write(f"{name}:x:{number}:\n")


def daemon(name):
    """Start a daemon, unless it runs already; its log is /tmp/NAME.log."""
    if name in running and running[name].poll() is None:
        return
    words, there = DAEMONS[name]
    if not running:
        users_make()
    for folder in ("/run/systemd/resolve", "/run/systemd/netif", "/run/systemd/netif/links", "/run/systemd/netif/leases",
                   "/run/systemd/netif/lldp", "/run/avahi-daemon", "/run/NetworkManager", "/run/udev", "/run/dbus"):
        os.makedirs(folder, exist_ok=True)
    for folder in ("/run/systemd/resolve", "/run/systemd/netif"):
        owner = "systemd-resolve" if folder.endswith("resolve") else "systemd-network"
        run("chown", "-R", f"{owner}:{owner}", folder, quiet=True)
    with open(f"/tmp/{name}.log", "w", encoding="utf-8") as file:
        running[name] = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT)

    def up():
        check(running[name].poll() is None, f"{name} ended: {read(f'/tmp/{name}.log')[-400:]}")
        return os.path.exists(there)
    wait_for(f"{name} to start", up, 60)


def resolv_conf(*servers):
    """What a PC has before anybody plugs a board in; a link that a manager left goes."""
    if os.path.islink("/etc/resolv.conf"):
        os.remove("/etc/resolv.conf")
    with open("/etc/resolv.conf", "w", encoding="utf-8") as file:
        file.write("".join(f"nameserver {server}\n" for server in servers))


def daemons_show():
    """The ends of their logs, onto the console."""
    for name in running:
        log(f"{name}: " + "\n".join(read(f"/tmp/{name}.log").splitlines()[-30:]))


def daemon_end(name):
    if name in running:
        running[name].terminate()
        running[name].wait()
        del running[name]


def mdns_ask(board, name, limit_s=5):
    """The addresses that are answered on a board's link to one question, as a simple resolver puts it: from any port,
    so that the answer comes by unicast (RFC 6762, 6.7 [unread])."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, board.name.encode())
        s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(board.own))
        s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
        s.bind((board.own, 0))
        s.settimeout(1)
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            s.sendto(b"\x12\x34\0\0\0\1\0\0\0\0\0\0" + labels + b"\0\0\1\0\1", ("224.0.0.251", 5353))
            try:
                reply = s.recv(2000)
            except TimeoutError:
                continue
            if reply[:2] == b"\x12\x34" and reply[7] > 0:
                return [".".join(str(byte) for byte in reply[at + 10:at + 14]) for at in range(len(reply) - 13)
                        if reply[at:at + 2] == b"\0\1" and reply[at + 8:at + 10] == b"\0\4"]
    raise Failed(f"no answer for {name}")


def pools(board):
    """Memory in use by the board's own counters, when closed connections have been forgotten (TIME_WAIT is 3 s)."""
    time.sleep(5)
    return {pool["name"]: pool["used"] for pool in board.status()["pools"]}


def pools_kept(board, before, tries=3):
    """Every pool holds what it held before, at the latest after `tries` times 5 s. The heap holds the answer itself,
    whose numbers may have grown."""
    for _ in range(tries):
        now = pools(board)
        lost = {name: (before[name], now[name]) for name in before
                if now[name] - before[name] > (100 if name == "HEAP" else 0)}
        if not lost:
            return
    raise Failed(f"in use before and now: {lost}")


def table_find(text, pattern):
    found = re.search(pattern, text, re.M)
    check(found, f"{pattern!r} is not in {text[-300:]!r}")
    return found


def usb_device(board):
    """The board for python3-usb, in a libusb context of its own: without udev, one hears of no device that comes later."""
    import usb.backend.libusb1 as libusb
    import usb.core
    libusb._lib_object = None
    bus, address = board.number
    found = usb.core.find(backend=libusb.get_backend(), custom_match=lambda d: d.bus == bus and d.address == address)
    check(found, "python3-usb finds no device")
    return found


# linux/usbdevice_fs.h and drivers/usb/misc/usbtest.c: struct usbdevfs_ioctl, struct usbtest_param_64.
USBDEVFS_IOCTL = 0xC0105512
USBTEST_REQUEST = 0xC0285564
USBTEST_PARAM = "=IIIII4xqq"


def usbtest(board, interface, number, rounds, length=512, vary=0, queue=0):
    """Seconds that a test of the kernel's module took, by its own clock."""
    param = bytearray(struct.pack(USBTEST_PARAM, number, rounds, length, vary, queue, 0, 0))
    buffer = (ctypes.c_char * len(param)).from_buffer(param)
    request = struct.pack("=iiQ", interface, USBTEST_REQUEST - (1 << 32), ctypes.addressof(buffer))
    with open("/dev/bus/usb/%03d/%03d" % board.number, "r+b", buffering=0) as file:
        try:
            fcntl.ioctl(file, USBDEVFS_IOCTL, request)
        except OSError as error:
            raise Failed(f"test {number}: {errno.errorcode.get(error.errno)}; {run('dmesg', quiet=True)[-400:]}") from None
    seconds, microseconds = struct.unpack(USBTEST_PARAM, bytes(param))[5:]
    check(seconds + microseconds > 0, "it took no time")
    return seconds + microseconds / 1e6
