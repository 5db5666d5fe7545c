"""Real DHCP clients: each gets, keeps, loses and gets back its lease, and has nothing to complain of in its log.

Board 1-3 leases for 30 s, so that T1 (15 s) and T2 (26 s) come.
"""
# SPDX-License-Identifier: MIT
import os
import re
import signal
import socket
import struct
import subprocess
import time

from lib import QUICK, Board, check, log, run, table_find, wait_for

COMPLAINT = re.compile(r"error|fail|invalid|bad |malform|mismatch|unexpected|unknown|denied|conflict|bogus|no lease", re.I)
# What a client says of the guest itself, or of its own option that is not set.
HARMLESS = re.compile(r"No working leases|control_|dhcpcd_|seccomp|chroot|ioctl\(|sandbox|/etc/fstab|resolvconf|no such user", re.I)

board, short = Board(1), Board(3)
state = {}


def complaints_none(text):
    bad = [line for line in text.splitlines() if COMPLAINT.search(line) and not HARMLESS.search(line)]
    check(not bad, f"its log complains: {bad[:3]}")


def counters(which=None):
    which = which or board
    which.hold()
    return which.status()["services"]["dhcp"]


def counted(before, which=None, **wanted):
    """The board's counters grew by at least so much."""
    now = counters(which)
    for name, least in wanted.items():
        check(now[name] - before[name] >= least, f"{name}: {before[name]} before, {now[name]} now")


def begin():
    """begin"""
    for which in (board, short):
        which.attach().lease()
        which.reachable()


class Running:
    """A client in the foreground, whose log is read while it runs."""

    def __init__(self, *words):
        self.path = f"/tmp/{words[0].rsplit('/', 1)[-1]}.log"
        with open(self.path, "w", encoding="utf-8") as file:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT)

    def text(self):
        with open(self.path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def wait(self, pattern, limit_s, times=1):
        wait_for(f"{times} x {pattern} in the log, which ends {self.text()[-200:]!r}",
                 lambda: len(re.findall(pattern, self.text())) >= times, limit_s, 0.2)
        return self

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        try:
            self.process.wait(150)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        log(self.text())
        return self.text()


# ---- ISC dhclient ----

def dhclient(which, *words):
    return Running("dhclient", "-4", "-d", "-v", "-lf", f"/tmp/dhclient.{which.name}", "-pf", "/tmp/dhclient.pid",
                   "-sf", "/bin/true", *words, which.name)


def dhclient_lease():
    """dhclient: lease and release"""
    before = counters()
    client = dhclient(board).wait("bound to", 30)
    text = client.end()
    check(f"DHCPACK of {board.own} from {board.address}" in text, text[-300:])
    complaints_none(text)
    text = run("dhclient", "-4", "-v", "-r", "-lf", f"/tmp/dhclient.{board.name}", "-pf", "/tmp/dhclient.pid",
               "-sf", "/bin/true", board.name)
    check("DHCPRELEASE" in text, text[-300:])
    counted(before, offers=1, acks=1, releases=1)


def dhclient_reboot_right():
    """dhclient: INIT-REBOOT with the right address"""
    dhclient(board).wait("bound to", 30).end()
    before = counters()
    text = dhclient(board).wait("bound to", 30).end()
    check("DHCPDISCOVER" not in text and "DHCPACK" in text, text[-400:])
    complaints_none(text)
    counted(before, acks=1)


def dhclient_reboot_wrong():
    """dhclient: INIT-REBOOT with a wrong address is refused at once"""
    path = f"/tmp/dhclient.{board.name}"
    with open(path, encoding="utf-8") as file:
        leases = file.read().replace(board.own, "192.0.2.77").replace(board.address, "192.0.2.1")
    with open(path, "w", encoding="utf-8") as file:
        file.write(leases)
    before, begin_s = counters(), time.monotonic()
    text = dhclient(board).wait("bound to", 30).end()
    check("DHCPREQUEST for 192.0.2.77" in text and "DHCPNAK from" in text, text[-400:])
    check(text.index("DHCPNAK") < text.index("DHCPDISCOVER"), "the NAK came late")
    counted(before, naks=1, acks=1)
    return f"bound after {time.monotonic() - begin_s:.1f} s"


def dhclient_renew_rebind():
    """dhclient: renewed by unicast at T1, rebound by broadcast at T2"""
    client = dhclient(short).wait("bound to", 30)
    client.wait(f"DHCPREQUEST for {short.own} on {short.name} to {short.address}", 40)
    client.wait("DHCPACK", 10, times=2)
    # From now on nothing reaches the server by unicast: T2 comes.
    run("ip", "route", "add", "prohibit", f"{short.address}/32")
    try:
        client.wait(f"DHCPREQUEST for {short.own} on {short.name} to 255.255.255.255", 60, times=2)
        client.wait("DHCPACK", 10, times=3)
    finally:
        run("ip", "route", "del", "prohibit", f"{short.address}/32")
        text = client.end()
    complaints_none(re.sub(r".*(send_packet: |over fallback interface).*", "", text))


# ---- dhcpcd ----

def dhcpcd(which, *words):
    return Running("dhcpcd", "-4", "-B", "-d", "-L", "-c", "/bin/true", "-f", "/dev/null", *words, which.name)


def dhcpcd_lease():
    """dhcpcd: lease with its ARP probes, release"""
    before = counters()
    client = dhcpcd(board).wait("adding route", 60)
    board.reachable()  # it takes its address away right after the release, which must not wait for ARP then
    text = client.end(signal.SIGALRM)
    check(f"leased {board.own} for 3600 seconds" in text, text[-300:])
    check("releas" in text, text[-300:])
    complaints_none(text)
    counted(before, offers=1, acks=1, releases=1)


def dhcpcd_reboot():
    """dhcpcd: INIT-REBOOT with the right address"""
    dhcpcd(board, "-A").wait("leased", 60).end()
    before = counters()
    text = dhcpcd(board, "-A").wait("leased", 60).end()
    check("rebinding lease of" in text and "offered" not in text, text[-400:])
    complaints_none(text)
    counted(before, acks=1)


def dhcpcd_renew():
    """dhcpcd: renewed at T1"""
    client = dhcpcd(short, "-A").wait("leased", 60)
    client.wait("renewing lease", 40)
    client.wait("leased", 20, times=2)
    complaints_none(client.end())


def dhcpcd_inform():
    """dhcpcd: INFORM"""
    before = counters()
    text = dhcpcd(board, "-A", "-s", f"{board.own}/29").wait("received approval", 60).end()
    complaints_none(text)
    counted(before, acks=1)


# ---- udhcpc ----

def udhcpc_lease():
    """udhcpc: lease, renew, release"""
    before = counters()
    board.hold()
    client = Running("busybox", "udhcpc", "-f", "-i", board.name, "-s", "/bin/true")
    client.wait("lease of", 30)
    client.process.send_signal(signal.SIGUSR1)
    client.wait("lease of", 30, times=2)
    client.process.send_signal(signal.SIGUSR2)
    client.wait("unicasting a release|entering released", 10)
    text = client.end()
    check(f"lease of {board.own} obtained" in text, text)
    complaints_none(text)
    counted(before, offers=1, acks=2, releases=1)


def udhcpc_renew():
    """udhcpc: renewed at T1"""
    short.hold()  # to send from; a script would have set it
    client = Running("busybox", "udhcpc", "-f", "-i", short.name, "-s", "/bin/true")
    client.wait("lease of", 60, times=2)
    complaints_none(client.end())


# ---- Messages no client sends at will ----

def message(kind, mac, xid, options=b"", ciaddr="0.0.0.0"):
    head = struct.pack("!BBBBIHH4s4s4s4s", 1, 1, 6, 0, xid, 0, 0x8000, socket.inet_aton(ciaddr), bytes(4), bytes(4), bytes(4))
    return head + mac + bytes(10 + 64 + 128) + b"\x63\x82\x53\x63" + bytes([53, 1, kind]) + options + b"\xff" + bytes(40)


def ask(socket_, data, xid):
    """The kind of the answer, and its yiaddr; None: none came."""
    socket_.sendto(data, ("255.255.255.255", 67))
    end = time.monotonic() + 3
    while data and time.monotonic() < end:
        try:
            reply = socket_.recv(2000)
        except TimeoutError:
            return None
        if reply[4:8] == struct.pack("!I", xid):
            return reply[reply.index(b"\x35\x01", 240) + 2], socket.inet_ntoa(reply[16:20])
    return None


def decline():
    """DECLINE is counted, and the address offered again"""
    mac, own = bytes.fromhex("02aabbccdd01"), socket.inet_aton(board.own)
    before = counters()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, board.name.encode())
        s.bind(("", 68))
        s.settimeout(3)
        check(ask(s, message(1, mac, 1), 1) == (2, board.own), "no offer")
        options = b"\x36\x04" + socket.inet_aton(board.address) + b"\x32\x04" + own
        check(ask(s, message(3, mac, 2, options), 2) == (5, board.own), "no ACK")
        s.sendto(message(4, mac, 3, options), ("255.255.255.255", 67))
        wait_for("the DECLINE to be counted", lambda: counters()["declines"] > before["declines"], 5)
        check(ask(s, message(1, mac, 4), 4) == (2, board.own), "no offer after a DECLINE")


LATE_MAX = 10  # exchanges still under way when perfdhcp ends, on a busy machine; none of them is a drop


def perfdhcp():
    """perfdhcp: no exchange is lost"""
    before = counters()
    count = 50 if QUICK else 300
    text = run("perfdhcp", "-4", "-l", board.name, "-r", "30", "-n", str(count), "-R", str(count), "-d", "60", "-W", "20000000",
               good=(0, 3), limit=120)  # asked at 30 a second; an answer may be late, but not missing
    dropped = [int(number) for number in re.findall(r"drops: (\d+)", text)]
    received = [int(number) for number in re.findall(r"received packets: (\d+)", text)]
    check(len(dropped) == 2 and not any(dropped) and received[0] >= count and received[1] >= count - LATE_MAX, text[-700:])
    check(counters()["malformed"] == before["malformed"], "malformed messages")
    board.reachable()
    return f"{received[0]} offers, {received[1]} ACKs at 30/s, 0 drops; {table_find(text, r'avg delay: [0-9.]+')[0]} ms"


def well():
    """the board's own counters"""
    for which in (board, short):
        check(counters(which)["malformed"] == 0, f"{which.busid}: {counters(which)}")
    return f"{counters()}"


TESTS = [begin, dhclient_lease, dhclient_reboot_right, dhclient_reboot_wrong, dhclient_renew_rebind, dhcpcd_lease, dhcpcd_reboot,
         dhcpcd_renew, dhcpcd_inform, udhcpc_lease, udhcpc_renew, decline, perfdhcp, well]
