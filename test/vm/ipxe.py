#!/usr/bin/env python3
"""iPXE meets the board: its own xHCI, NCM, DHCP, DNS, TCP and HTTP, none of which anybody here wrote.

    test/vm/ipxe.py        Debian's iPXE 2.0.0 in QEMU, started by SeaBIOS; the boards are plugged in by usbredir

The first board runs the demo, the second one examples/netboot. iPXE gets a script, and its console is the evidence: lines that begin
with "@" are the script's, "x : N bytes" is what was fetched. The trace of the cable says how long iPXE's blocks were: it
ends them with neither padding nor an empty packet.

Prints "ok NAME" and "not ok NAME: why" lines (tool/suites.py).
"""
# SPDX-License-Identifier: MIT
import argparse
import collections
import fcntl
import os
import re
import subprocess
import sys
import time

import prepare
import run
from kernels import Kernel

PINNED = Kernel("sid", "2.0.0+dfsg-5", ["ipxe"], "2.0.0")
FOLDER = os.path.join(run.BUILD, "vm", "ipxe")
IPXE = os.path.join(FOLDER, "root", "usr", "lib", "ipxe", "ipxe.lkrn")
TRACE = os.path.join(run.BUILD, "vm", "ipxe.pcapng")
CONSOLE = os.path.join(run.BUILD, "vm", "logs", "ipxe.console")
IMAGES = [os.path.join(run.BUILD, "stm32f4discovery-none", "plugnet.elf"), os.path.join(run.BUILD, "test", "netboot", "netboot.elf")]
NAMES = ["plugnet.internal", "plugnet.local", "plugnet.home.arpa", "www.lwip.home"]
LIMIT_S = 900  # some 40 s on a quiet machine
PACKET = 64
# A query of so many bytes makes a block that much longer: each series has every length modulo 64.
PAGES = [f"/?{'p' * n}" for n in range(PACKET)]
STATUSES = [f"/api/status?{'j' * (15 * n)}" for n in range(PACKET)]


class Failed(Exception):
    pass


def check(condition, why):
    if not condition:
        raise Failed(why)


def ipxe_prepare():
    """Unpacked into build/vm/ipxe/root."""
    os.makedirs(FOLDER, exist_ok=True)
    with open(os.path.join(FOLDER, "lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        mark = os.path.join(FOLDER, PINNED.version)
        if not os.path.exists(mark):
            deb = os.path.join(FOLDER, "deb")
            prepare.fetch_pinned(PINNED, deb)
            prepare.unpack_all(prepare.debs_find(deb, PINNED.packages, PINNED.version), os.path.join(FOLDER, "root"))
            with open(mark, "w", encoding="utf-8"):
                pass


def fetch(url):
    return [f"imgfetch --name x {url} || goto failed", "imgstat", "imgfree x"]


def script_make():
    """What iPXE does. Each stage says "@ …" when it is done."""
    lines = ["#!ipxe", "ifstat", "ifopen net0 && echo @ open || goto failed",
             "dhcp net0 && echo @ lease ${net0/ip} from ${net0/dhcp-server}, DNS ${net0/dns} || goto failed"]
    for name in NAMES:
        lines += fetch(f"http://{name}/")
    lines += ["echo @ names"]
    for url in [url for pair in zip(PAGES, STATUSES) for url in pair]:
        lines += fetch(f"http://plugnet.internal{url}")
    lines += ["echo @ fetched", "ifstat net0", "ifclose net0", "dhcp net1 || goto failed",
              "chain --autofree http://netboot.internal/boot.ipxe && echo @ chained || goto failed", "goto end",
              ":failed", "echo @ failed", ":end", "echo @ end", "sleep 1", "poweroff"]
    path = os.path.join(FOLDER, "script.ipxe")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    return path


def boot(ports):
    """What the console said, and the seconds it took."""
    words = ["qemu-system-x86_64", "-accel", "tcg", "-m", "256", "-machine", "graphics=off", "-display", "none", "-monitor", "none",
             "-no-reboot", "-nic", "none", "-serial", f"file:{CONSOLE}", "-kernel", IPXE, "-initrd", script_make(),
             "-device", "qemu-xhci,id=xhci,p2=8,p3=4"]
    for number, port in enumerate(ports, 1):
        words += ["-chardev", f"socket,id=wire{number},host=127.0.0.1,port={port}",
                  "-device", f"usb-redir,chardev=wire{number},bus=xhci.0,port={number}"]
    begin = time.monotonic()
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=LIMIT_S)
        check(done.returncode == 0, f"QEMU: {done.stdout.strip()[-300:]}")
    except subprocess.TimeoutExpired:
        print(f"not ok vm ipxe came to no end within {LIMIT_S} s; console: {CONSOLE}")
    with open(CONSOLE, encoding="utf-8", errors="replace") as file:
        return re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", file.read()).replace("\r", ""), time.monotonic() - begin


def tshark(*words):
    done = subprocess.run(["tshark", "-r", TRACE, *words], text=True, capture_output=True)
    check(done.returncode == 0, f"tshark: {done.stderr.strip()[-300:]}")
    return done.stdout


def version(console):
    """host is the one that was asked for"""
    check(f"iPXE {PINNED.version}" in console, console[:300])
    return f"iPXE {PINNED.release}, Debian's {PINNED.version}"


def leases(console):
    """ipxe binds on xHCI, opens, leases"""
    found = re.search(r"^@ lease (\S+) from (\S+), DNS (\S+)", console, re.M)
    check("using cdc-ncm" in console and "@ open" in console and found, console[-300:])
    return f"{found[1]} from {found[2]}"


def sizes(console):
    """Bytes of each image that was fetched, in order."""
    return [int(size) for size in re.findall(r"^x : (\d+) bytes", console, re.M)]


def names(console):
    """ipxe resolves the board's names, and fetches the page by each"""
    check("@ names" in console, console[-300:])
    for name in NAMES:
        check(f"http://{name}/... ok" in console, f"no page by {name}")
    check(len(set(sizes(console)[:len(NAMES)])) == 1, f"the page has {sizes(console)[:len(NAMES)]} bytes")
    return ", ".join(NAMES)


def fetches(console):
    """ipxe fetches page and JSON again and again"""
    got = sizes(console)[len(NAMES):]
    check("@ fetched" in console and len(got) == len(PAGES + STATUSES), f"{len(got)} fetched; {console[-300:]}")
    check(set(got[::2]) == {sizes(console)[0]}, f"the page has {set(got[::2])} bytes")
    check(min(got[1::2]) > 1000, f"JSON of {min(got[1::2])} bytes")
    return f"{len(got)} times"


def lengths(_):
    """ipxe's blocks have every length modulo 64"""
    text = tshark("-Y", "usb.endpoint_address.direction==0 && usb.transfer_type==3 && usb.urb_type=='S'", "-T", "fields", "-e", "usb.urb_len")
    blocks = [int(line) for line in text.split()]
    missing = set(range(PACKET)) - {length % PACKET for length in blocks}
    check(not missing, f"modulo {PACKET} there is none of {sorted(missing)}")
    whole = [length for length in blocks if length % PACKET == 0]
    return f"{len(blocks)} blocks, {len(whole)} of whole packets, which end without padding or an empty packet"


def once(_):
    """ipxe: neither side sends a segment again"""
    fields = [word for name in ("ip.src", "tcp.srcport", "tcp.dstport", "tcp.seq_raw", "tcp.len") for word in ("-e", name)]
    wanted = "!usb && (tcp.len > 0 || tcp.flags.syn == 1)"  # the trace has each frame in its USB transfer, too
    segments = tshark("-Y", wanted, "-T", "fields", *fields).splitlines()
    again = [segment for segment, count in collections.Counter(segments).items() if count > 1]
    check(segments and not again, f"{len(again)} of {len(segments)} segments: {again[:3]}")
    return f"{len(segments)} segments"


def chains(console):
    """ipxe chain-loads a script from the board"""
    check("This script is the board's" in console and "@ chained" in console and "@ failed" not in console, console[-300:])


def main():
    if missing := [image for image in IMAGES if not os.path.exists(image)]:
        print(f"not ok vm ipxe: {missing[0]} is not built")
        return 1
    try:
        ipxe_prepare()
    except prepare.Gone as gone:
        print(f"skip vm ipxe: {gone}")
        return 0
    except (prepare.Failed, OSError) as error:
        print(f"not ok vm ipxe can't be prepared: {error}")
        return 1
    os.makedirs(os.path.dirname(CONSOLE), exist_ok=True)
    options = argparse.Namespace(redir="xhci", pcap=TRACE, uid=None, flash=None)
    board = run.Board("stm32f4discovery", IMAGES, options, os.path.join(run.BUILD, "vm", "logs", "ipxe.board"))
    try:
        console, seconds = boot(board.ports)
    finally:
        code = board.end()
    good = True
    for test in (version, leases, names, fetches, lengths, once, chains):
        try:
            said = test(console)
            print(f"ok vm {test.__doc__} ({f'{said}; ' if said else ''}{seconds:.0f} s in all)")
        except Failed as error:
            print(f"not ok vm {test.__doc__}: {' '.join(str(error).split())[:500]}")
            good = False
    if code != 0:
        print(f"not ok board: the virtual boards ended with {code}; see {board.log.name}")
    return 0 if good and code == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
