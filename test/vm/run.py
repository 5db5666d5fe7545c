#!/usr/bin/env python3
"""A Linux guest meets the firmware: the real cdc_ncm driver and real programs, by USB/IP or by usbredir.

    test/vm/run.py [--image BOARD-OS] [--elf FILE …] [--uid HEX] [--flash FILE] [--pcap FILE] [--redir PLACE] [--kernel KERNEL] NAME …     run test/vm/guest/NAME.py in the guest
    test/vm/run.py --shell                                     a shell in it, with the board plugged in; it ends with its input
    test/vm/run.py --list

The guest is one of Debian's kernels (kernels.py) in QEMU (no KVM), over this machine's own root, which it can't change. Its network
leads nowhere but to the USB/IP server of a virtual board started here. With --redir it has no network at all: the board is
plugged into a host controller that QEMU emulates, PLACE being xhci, uhci, or hub (QEMU's hub behind xHCI); a test asks
for plug and unplug by lines that begin with "@"; its list "crash", always the last one, ends with QEMU killed. Boards: 1-1 and 1-2 run the image, 1-3 one
that leases for 30 s, 1-4 one that doesn't name itself as DNS server; with --elf, 1-1, 1-2 … run these
files (FILE*N: N boards run it).

Prints "ok NAME" and "not ok NAME: why" lines (tool/suites.py). CHECK=quick in the environment shortens what is done
many times.
"""
# SPDX-License-Identifier: MIT
import argparse
import json
import os
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

from kernels import KERNELS, USUAL
from prepare import GONE

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(ROOT, "build")
BOOT_S = 300  # boots in about 8 s
SHELL_READY = b"Leave with exit."  # start.sh says so
STEP_S = 3000  # for each line of a test, the longest of which takes some 100 s on a quiet machine
VARIANTS = ["lease30", "no_dns"]
PLACES = ["xhci", "hub", "uhci"]
CRASH = "crash"  # the list that ends with QEMU killed
PROGRAMS = {"qemu-system-x86_64": "qemu-system-x86", "busybox": "busybox"}  # and their Debian packages


def names_known():
    return sorted(name[:-3] for name in os.listdir(os.path.join(HERE, "guest"))
                  if name.endswith(".py") and name not in ("main.py", "lib.py", "resolver.py"))


class Board:
    """Virtual boards that give themselves out, by USB/IP or by usbredir."""

    def __init__(self, name, images, options, log):
        by = "--usbredir" if options.redir else "--usbip"
        words = [os.path.join(BUILD, "vboard", "vboard"), "--board", name, by, "0",
                 *(["--pcap", options.pcap] if options.pcap else []), *(["--uid", options.uid] if options.uid else []),
                 *(["--flash", options.flash] if options.flash else []), *images]
        self.log = open(log, "w+", encoding="utf-8")
        self.process = subprocess.Popen(words, stdout=self.log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        self.ports = self.ports_find(len(images) if options.redir else 1)

    def said(self):
        with open(self.log.name, encoding="utf-8") as file:
            return file.read()

    def ports_find(self, count):
        end = time.monotonic() + 30
        while time.monotonic() < end and self.process.poll() is None:
            found = re.findall(r"(?:USB/IP|usbredir) at [\d.]+:(\d+)", self.said())
            if len(found) == count:
                return [int(port) for port in found]
            time.sleep(0.05)
        self.end()
        with open(self.log.name, encoding="utf-8") as file:
            raise SystemExit(f"not ok guest: the virtual board doesn't start: {file.read().strip()[-300:]}")

    def end(self):
        """Its exit code, 0 if all is well."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        return self.process.returncode


class Plugs:
    """QEMU's side of the boards' cables, by its monitor (QMP)."""

    def __init__(self, ports, place):
        self.ports, self.place, self.count, self.stream = ports, place, 0, None
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "qmp")

    def words(self):
        """For QEMU's command line."""
        return ["-nic", "none", "-device", "qemu-xhci,id=xhci,p2=8,p3=4", "-device", "usb-hub,bus=xhci.0,port=1",
                "-device", "piix3-usb-uhci,id=uhci", "-qmp", f"unix:{self.path},server=on,wait=off"]

    def ask(self, command, **arguments):
        if self.stream is None:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(60)
                s.connect(self.path)
                self.stream = s.makefile("rw", encoding="utf-8")
            self.stream.readline()  # its greeting
            self.ask("qmp_capabilities")
        self.stream.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.stream.flush()
        while "return" not in (reply := json.loads(self.stream.readline())):
            if "error" in reply:
                raise SystemExit(f"not ok guest: {command}: {reply['error']['desc']}")

    def plug(self, number, place=None):
        """Board `number`, from 1 on, into its place; a new connection each time."""
        place = place or self.place
        self.count += 1
        chardev = f"wire{self.count}"
        bus, port = {"xhci": ("xhci.0", f"{number + 1}"), "hub": ("xhci.0", f"1.{number}"),
                     "uhci": ("uhci.0", f"{(number - 1) % 2 + 1}")}[place]
        address = {"type": "inet", "data": {"host": "127.0.0.1", "port": str(self.ports[number - 1])}}
        self.ask("chardev-add", id=chardev, backend={"type": "socket", "data": {"addr": address, "server": False}})
        self.ask("device_add", driver="usb-redir", id=f"board{number}", chardev=chardev, bus=bus, port=port)

    def unplug(self, number):
        self.ask("device_del", id=f"board{number}")

    def do(self, line):
        """What a test asks for: "plug 1", "plug 3 uhci", "unplug 1"."""
        verb, number, *place = line.split()
        {"plug": self.plug, "unplug": self.unplug}[verb](int(number), *place)

    def end(self):
        if self.stream is not None:
            self.stream.close()
        self.folder.cleanup()


def kernel_version(name):
    """The one that prepare.py found."""
    with open(os.path.join(BUILD, "vm", "kernel", name, "version"), encoding="utf-8") as file:
        return file.read()


def guest_words(names, board, plugs, console, kernel):
    folder = os.path.join(BUILD, "vm", "kernel", kernel)
    relay = f"{sys.executable} {os.path.join(HERE, 'relay.py')} {board.ports[0]}"
    serial = ["-serial", "stdio"] if console is None else ["-serial", f"file:{console}", "-serial", "stdio"]
    return ["qemu-system-x86_64", "-accel", "tcg", "-m", "1024", "-display", "none", "-monitor", "none", "-no-reboot",
            "-kernel", os.path.join(folder, "vmlinuz"), "-initrd", os.path.join(folder, "initrd"),
            "-append", f"console=ttyS0 quiet panic=-1 plugnet.top={ROOT} plugnet.run={','.join(names)} "
                       f"plugnet.check={os.environ.get('CHECK', '')} plugnet.redir={plugs.place if plugs else ''} plugnet.kernel={kernel_version(kernel)}",
            "-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap",
            "-virtfs", f"local,path={BUILD}/vm/root,mount_tag=extra,security_model=none,readonly=on,multidevs=remap",
            "-virtfs", f"local,path={folder}/root,mount_tag=kernel,security_model=none,readonly=on,multidevs=remap",
            *(plugs.words() if plugs else
              ["-nic", f"user,model=virtio-net-pci,restrict=on,guestfwd=tcp:10.0.2.100:3240-cmd:{relay}"]), *serial]


class Guest:
    """The running guest; what its tests print comes line by line."""

    def __init__(self, names, board, options, console):
        self.plugs = Plugs(board.ports, options.redir) if options.redir else None
        self.process = subprocess.Popen(guest_words(names, board, self.plugs, console, options.kernel), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.unread = b""

    def line(self, limit_s):
        """The next line; None: the guest has ended; TimeoutError."""
        end = time.monotonic() + limit_s
        while b"\n" not in self.unread:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise TimeoutError
            chunk = os.read(self.process.stdout.fileno(), 65536)
            if not chunk:
                return None
            self.unread += chunk
        text, self.unread = self.unread.split(b"\n", 1)
        return text.decode(errors="replace").rstrip("\r")

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        if self.plugs:
            self.plugs.end()


def input_feed(process):
    """Our input to the guest's shell, and at its end what Ctrl-D is to a terminal, until the guest is gone: a shell that comes
    up late has not seen the first one."""
    try:
        while data := os.read(sys.stdin.fileno(), 4096):
            os.write(process.stdin.fileno(), data)
        os.write(process.stdin.fileno(), b"\n")
        while process.poll() is None:
            os.write(process.stdin.fileno(), b"\x04")
            time.sleep(1)
    except BrokenPipeError:
        pass


def shell_play(words):
    """The guest for a person, or for commands from a pipe or a file. Its exit code. What comes before the shell is there would
    be lost, in part."""
    if sys.stdin.isatty():
        return subprocess.run(words).returncode
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    feeder, said = threading.Thread(target=input_feed, args=(process,), daemon=True), b""
    while chunk := os.read(process.stdout.fileno(), 4096):
        sys.stdout.buffer.write(chunk)
        sys.stdout.flush()
        said = (said + chunk)[-200:]
        if SHELL_READY in said and feeder.ident is None:
            feeder.start()
    return process.wait()


def console_end(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return " | ".join(file.read().strip().splitlines()[-5:])
    except OSError:
        return ""


def play(guest, console):
    """Pass the guest's lines on, do what it asks for. True: it came to its end, or asked to be killed, and nothing failed."""
    good, limit, last = True, BOOT_S, "the guest boots"
    while True:
        try:
            line = guest.line(limit)
        except TimeoutError:
            print(f"not ok guest: nothing for {limit} s after {last!r}; console ({console}): {console_end(console)}")
            return False
        if line is None:
            print(f"not ok guest: it ended after {last!r}; console ({console}): {console_end(console)}")
            return False
        if line in ("end", "@die"):
            return good
        if line.startswith("@"):
            guest.plugs.do(line[1:])
            continue
        good &= not line.startswith("not ok")
        limit, last = STEP_S, line
        print(line, flush=True)


def guest_run(names, board, options, console):
    guest = Guest(names, board, options, console)
    try:
        return play(guest, console)
    finally:
        guest.end()


def next_guest_check(port):
    """A guest was killed: the next one gets the board. What is said and heard here: usbredir's hello, then messages until the
    one that a device is there."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as s, s.makefile("rb") as stream:
        s.sendall(struct.pack("<III64sI", 0, 68, 0, b"the next guest", 0))
        kind = length = None
        while kind != 1:
            kind, length, _ = struct.unpack("<III", stream.read(12))
            stream.read(length)
    print("ok vm crash the next guest gets the board")


def pcap_check(path):
    """What was recorded opens in tshark: nothing malformed, and what must have happened is there."""
    def tshark(*words):
        return subprocess.run(["tshark", "-r", path, *words], text=True, capture_output=True, check=True).stdout
    try:
        bad = tshark("-Y", "_ws.malformed").splitlines()
        seen = set(re.findall(r"\b(dhcp|arp|http|icmp|mdns|usb)\b", tshark("-q", "-z", "io,phs")))
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"not ok vm trace in tshark: {getattr(error, 'stderr', error)}")
        return False
    missing = {"dhcp", "arp", "http", "mdns", "usb"} - seen
    if bad or missing:
        print(f"not ok vm trace in tshark: malformed {bad[:2]}, missing {sorted(missing)}")
        return False
    print(f"ok vm trace in tshark ({', '.join(sorted(seen))}; nothing malformed)")
    return True


def images_find(name):
    image = os.path.join(BUILD, name, "plugnet.elf")
    if not os.path.exists(image):
        return None
    variants = [os.path.join(BUILD, "test", "vm", variant, "plugnet.elf") for variant in VARIANTS]
    return [image, image, *variants] if name == "stm32f4discovery-none" else [image]


def elf_find(words):
    """FILE or FILE*N each."""
    pairs = [word.partition("*") for word in words]
    return [os.path.join(ROOT, file) for file, _, count in pairs for _ in range(int(count or 1))]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image", default="stm32f4discovery-none", metavar="BOARD-OS")
    parser.add_argument("--elf", metavar="FILE", action="append")
    parser.add_argument("--pcap", metavar="FILE")
    parser.add_argument("--uid", metavar="HEX", help="the first board's unique ID; the next ones count on from it")
    parser.add_argument("--flash", metavar="FILE", help="keep the board's flash in this file; with one --elf only")
    parser.add_argument("--redir", metavar="PLACE", choices=PLACES, help=f"by usbredir, into {', '.join(PLACES)}")
    parser.add_argument("--kernel", default=USUAL, choices=KERNELS, help="Debian's kernel in the guest (%(default)s)")
    parser.add_argument("--shell", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    if options.list:
        print("\n".join(names_known()))
        return 0
    if wrong := [name for name in options.names if name not in names_known()]:
        parser.error(f"no {wrong[0]}; there are: {' '.join(names_known())}")
    if (options.shell and options.redir) or CRASH in options.names[:-1] or (CRASH in options.names and not options.redir):
        parser.error("--redir is for lists, and the list crash for --redir, at the end")
    if not options.names and not options.shell:
        parser.error("say what to run; --list lists it")
    images = elf_find(options.elf) if options.elf else images_find(options.image)
    if images is None:
        print(f"skip vm {options.image}: build/{options.image}/plugnet.elf is not built")
        return 0
    if missing := [image for image in images if not os.path.exists(image)]:
        if options.image.endswith("-freertos") and not os.environ.get("FREERTOS_KERNEL_PATH"):
            print(f"skip vm {options.image}: {missing[0]} is not built, and FREERTOS_KERNEL_PATH is not set")
            return 0
        print(f"not ok guest: {missing[0]} is not built")
        return 1
    if missing := [f"{program} (Debian's package {package})" for program, package in PROGRAMS.items() if not shutil.which(program)]:
        print(f"not ok guest: missing: {', '.join(missing)}")
        return 1
    sys.stdout.flush()
    if (code := subprocess.run([os.path.join(HERE, "prepare.py"), options.kernel]).returncode) != 0:
        if code == GONE:
            return 0
        print("not ok guest: it can't be prepared")
        return 1
    if (version := kernel_version(options.kernel)) != (pinned := KERNELS[options.kernel].version):
        print(f"skip vm kernel {options.kernel}: Debian has no {pinned} any more; {version} runs instead")
    logs = os.path.join(BUILD, "vm", "logs")
    os.makedirs(logs, exist_ok=True)
    kernel = options.kernel if options.kernel != USUAL else None
    label = "-".join([options.image, *[word for word in (kernel, options.uid, options.redir) if word], *options.names])[:80]
    console = os.path.join(logs, f"{label}.console")
    board = Board(options.image.rpartition("-")[0], images, options, os.path.join(logs, f"{label}.board"))
    try:
        if options.shell:
            return shell_play(guest_words(["shell"], board, None, None, options.kernel))
        good = guest_run(options.names, board, options, console)
        if CRASH in options.names:
            next_guest_check(board.ports[0])
    finally:
        code = board.end()
    if code != 0:
        print(f"not ok board: the virtual board ended with {code}; see {board.log.name}")
    if options.pcap:
        good &= pcap_check(options.pcap)
    return 0 if good and code == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
