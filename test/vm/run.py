#!/usr/bin/env python3
"""A Linux guest meets the firmware: the real cdc_ncm driver and real programs, by USB/IP.

    test/vm/run.py [--image BOARD-OS] [--elf FILE …] [--uid HEX] [--flash FILE] [--pcap FILE] NAME …     run test/vm/guest/NAME.py in the guest
    test/vm/run.py --shell                                     a shell in it, with the board plugged in; it ends with its input
    test/vm/run.py --list

The guest is Debian's newest kernel in QEMU (no KVM), over this machine's own root, which it can't change. Its network
leads nowhere but to the USB/IP server of a virtual board started here. Boards: 1-1 and 1-2 run the image, 1-3 one
that leases for 30 s, 1-4 one that doesn't name itself as DNS server; with --elf, 1-1, 1-2 … run these
files (FILE*N: N boards run it).

Prints "ok NAME" and "not ok NAME: why" lines (tool/suites.py). CHECK=quick in the environment shortens what is done
many times.
"""
# SPDX-License-Identifier: MIT
import argparse
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(ROOT, "build")
BOOT_S = 300  # boots in about 8 s
SHELL_READY = b"Leave with exit."  # start.sh says so
STEP_S = 3000  # for each line of a test, the longest of which takes some 100 s on a quiet machine
VARIANTS = ["lease30", "no_dns"]
PROGRAMS = {"qemu-system-x86_64": "qemu-system-x86", "busybox": "busybox"}  # and their Debian packages


def names_known():
    return sorted(name[:-3] for name in os.listdir(os.path.join(HERE, "guest"))
                  if name.endswith(".py") and name not in ("main.py", "lib.py", "resolver.py"))


class Board:
    """A virtual board that gives itself out by USB/IP."""

    def __init__(self, name, images, options, log):
        words = [os.path.join(BUILD, "vboard", "vboard"), "--board", name, "--usbip", "0",
                 *(["--pcap", options.pcap] if options.pcap else []), *(["--uid", options.uid] if options.uid else []),
                 *(["--flash", options.flash] if options.flash else []), *images]
        self.log = open(log, "w+", encoding="utf-8")
        self.process = subprocess.Popen(words, stdout=self.log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        self.port = self.port_find()

    def port_find(self):
        end = time.monotonic() + 30
        while time.monotonic() < end and self.process.poll() is None:
            with open(self.log.name, encoding="utf-8") as file:
                if found := re.search(r"USB/IP at [\d.]+:(\d+)", file.read()):
                    return int(found[1])
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


def guest_words(names, port, console):
    relay = f"{sys.executable} {os.path.join(HERE, 'relay.py')} {port}"
    serial = ["-serial", "stdio"] if console is None else ["-serial", f"file:{console}", "-serial", "stdio"]
    return ["qemu-system-x86_64", "-accel", "tcg", "-m", "1024", "-display", "none", "-monitor", "none", "-no-reboot",
            "-kernel", os.path.join(BUILD, "vm", "vmlinuz"), "-initrd", os.path.join(BUILD, "vm", "initrd"),
            "-append", f"console=ttyS0 quiet panic=-1 plugnet.top={ROOT} plugnet.run={','.join(names)} "
                       f"plugnet.check={os.environ.get('CHECK', '')}",
            "-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap",
            "-virtfs", f"local,path={BUILD}/vm/root,mount_tag=extra,security_model=none,readonly=on,multidevs=remap",
            "-nic", f"user,model=virtio-net-pci,restrict=on,guestfwd=tcp:10.0.2.100:3240-cmd:{relay}", *serial]


class Guest:
    """The running guest; what its tests print comes line by line."""

    def __init__(self, names, port, console):
        self.process = subprocess.Popen(guest_words(names, port, console), stdin=subprocess.DEVNULL,
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
    """Pass the guest's lines on. True: it came to its end, and nothing failed."""
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
        if line == "end":
            return good
        good &= not line.startswith("not ok")
        limit, last = STEP_S, line
        print(line, flush=True)


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
    parser.add_argument("--shell", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    if options.list:
        print("\n".join(names_known()))
        return 0
    if wrong := [name for name in options.names if name not in names_known()]:
        parser.error(f"no {wrong[0]}; there are: {' '.join(names_known())}")
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
    if subprocess.run([os.path.join(HERE, "prepare.py")]).returncode != 0:
        print("not ok guest: it can't be prepared")
        return 1
    logs = os.path.join(BUILD, "vm", "logs")
    os.makedirs(logs, exist_ok=True)
    label = "-".join([options.image, *([options.uid] if options.uid else []), *options.names])[:80]
    console = os.path.join(logs, f"{label}.console")
    board = Board(options.image.rpartition("-")[0], images, options, os.path.join(logs, f"{label}.board"))
    guest = None
    try:
        if options.shell:
            return shell_play(guest_words(["shell"], board.port, None))
        guest = Guest(options.names, board.port, console)
        good = play(guest, console)
    finally:
        if guest is not None:
            guest.end()
        code = board.end()
    if code != 0:
        print(f"not ok board: the virtual board ended with {code}; see {board.log.name}")
    if options.pcap:
        good &= pcap_check(options.pcap)
    return 0 if good and code == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
