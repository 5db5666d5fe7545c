"""Names by real resolvers: dig, glibc, systemd-resolved, avahi, dnsperf."""
# SPDX-License-Identifier: MIT
import re
import socket
import time

import resolver
from lib import QUICK, Board, check, daemon, resolv_conf, run, table_find, wait_for

NAMES = ("www.lwip.home", "plugnet.home.arpa")
FOREIGN = "www.example.net"  # which resolver.py knows

board = Board()


def begin():
    """begin"""
    board.attach().lease()
    resolver.start()


def dig(name, kind, *words):
    return run("dig", f"@{board.address}", "+time=3", "+tries=1", "+norecurse", *words, name, kind)


def dig_all():
    """dig: A, AAAA, HTTPS, ANY by UDP and TCP, with EDNS and without"""
    for name in NAMES:
        for transport in ("+notcp", "+tcp"):
            for edns in ("+edns=0", "+noedns"):
                for kind in ("A", "AAAA", "HTTPS", "ANY"):
                    text = dig(name, kind, transport, edns)
                    what = f"{name} {kind} {transport} {edns}"
                    check("status: NOERROR" in text and re.search(r"flags:[^;]* aa", text), f"{what}: {text[:300]}")
                    has = f"{name}." in text and re.search(rf"IN\s+A\s+{re.escape(board.address)}", text)
                    check(bool(has) == (kind in ("A", "ANY")), f"{what}: {text[-300:]}")
                    check(not re.search("malformed|warning|mismatch", text, re.I), f"{what}: {text}")
    return f"{len(NAMES)} names"


def dig_foreign():
    """dig: foreign names are refused at once"""
    for transport in ("+notcp", "+tcp"):
        text = dig(FOREIGN, "A", transport)
        check("status: REFUSED" in text, text[:300])
    return table_find(text, r"Query time: (\d+ msec)")[1]


def dig_strange():
    """dig: EDNS options, padding, unknown version, CH class"""
    for words in (["+subnet=192.0.2.0/24"], ["+cookie"], ["+padding=128"], ["+nsid"], ["+dnssec"], ["+bufsize=512"], ["+edns=1"]):
        text = dig(NAMES[1], "A", *words)
        check("status: NOERROR" in text or "BADVERS" in text, f"{words}: {text[:300]}")
    check("status: REFUSED" in dig("version.bind", "TXT", "-c", "CH"), "CH class")


def getent(name):
    """(addresses, seconds) by glibc in a process of its own, which reads resolv.conf anew."""
    begin_s = time.monotonic()
    text = run("getent", "ahostsv4", name, good=(0, 2))
    return {line.split()[0] for line in text.splitlines()}, time.monotonic() - begin_s


def glibc():
    """glibc: own names by the board, foreign names fall through to the next server at once"""
    resolv_conf(board.address, resolver.ADDRESS)
    run("sh", "-c", "sed -i 's/^hosts:.*/hosts: files dns/' /etc/nsswitch.conf")
    for name in NAMES:
        check(getent(name)[0] == {board.address}, f"{name}: {getent(name)}")
    addresses, seconds = getent(FOREIGN)
    check(addresses == {resolver.ANSWER}, f"{FOREIGN}: {addresses}")
    # glibc waits 5 s for a server that says nothing.
    check(seconds < 4, f"{FOREIGN} took {seconds:.1f} s")
    return f"{FOREIGN} after {seconds * 1000:.0f} ms"


def glibc_both():
    """glibc: A and AAAA together, as browsers ask"""
    got = socket.getaddrinfo(NAMES[1], 80, type=socket.SOCK_STREAM)
    check({item[4][0] for item in got} == {board.address}, f"{got}")
    check("NXDOMAIN" not in run("getent", "ahosts", NAMES[1]), "AAAA denied")


def resolved():
    """systemd-resolved: own names on the board's link, foreign ones elsewhere at once"""
    daemon("dbus")
    daemon("resolved")
    run("resolvectl", "dns", "eth0", resolver.ADDRESS)
    run("resolvectl", "default-route", "eth0", "yes")
    run("resolvectl", "dns", board.name, board.address)
    for name in NAMES:
        check(board.address in run("resolvectl", "query", "-4", name), name)
    text = run("resolvectl", "query", "-6", NAMES[1], good=(0, 1))
    check("does not have any RR" in text, text)
    begin_s = time.monotonic()
    check(resolver.ANSWER in run("resolvectl", "query", "-4", FOREIGN), FOREIGN)
    check(time.monotonic() - begin_s < 4, f"{FOREIGN} took {time.monotonic() - begin_s:.1f} s")
    return f"{FOREIGN} after {(time.monotonic() - begin_s) * 1000:.0f} ms"


def resolved_mdns():
    """systemd-resolved: plugnet.local by mDNS"""
    run("resolvectl", "mdns", board.name, "yes")
    text = wait_for("an answer", lambda: run("resolvectl", "-p", "mdns", "query", "-4", "plugnet.local", good=(0, 1)), 20)
    check(board.address in text, text)
    run("resolvectl", "mdns", board.name, "no")


def avahi():
    """avahi: plugnet.local resolves, _http._tcp is browsed"""
    daemon("dbus")
    daemon("avahi")
    text = wait_for("avahi to know the name",
                    lambda: (lambda t: t if board.address in t else "")(run("avahi-resolve", "-4", "-n", "plugnet.local", good=None)), 30)
    browsed = run("avahi-browse", "-r", "-t", "-p", "_http._tcp", limit=60)
    check(re.search(rf"=;{board.name};IPv4;.*;_http\._tcp|=;{board.name};IPv4;.*;Web Site", browsed)
          and board.address in browsed, browsed[-400:])
    return " ".join(text.split())


def nss_mdns():
    """glibc with nss-mdns: plugnet.local"""
    run("sh", "-c", "sed -i 's/^hosts:.*/hosts: files mdns4_minimal [NOTFOUND=return] dns/' /etc/nsswitch.conf")
    addresses, _ = getent("plugnet.local")
    check(addresses == {board.address}, f"{addresses}")
    run("sh", "-c", "sed -i 's/^hosts:.*/hosts: files dns/' /etc/nsswitch.conf")


def dnsperf():
    """dnsperf: nothing is lost"""
    with open("/tmp/queries", "w", encoding="utf-8") as file:
        for name in NAMES:
            for kind in ("A", "AAAA", "HTTPS"):
                file.write(f"{name} {kind}\n")
        file.write(f"{FOREIGN} A\n")
    text = run("dnsperf", "-s", board.address, "-d", "/tmp/queries", "-l", "3" if QUICK else "10", "-c", "4", "-q", "16",
               "-t", "5", limit=60)
    sent, done = (int(table_find(text, rf"Queries {word}:\s+(\d+)")[1]) for word in ("sent", "completed"))
    check(sent == done and sent > 0 and "Queries lost:         0" in text, text)
    board.reachable()
    rate = table_find(text, r"Queries per second:\s+([\d.]+)")[1]
    return f"{done} queries, {rate}/s, none lost"


def well():
    """the board's own counters"""
    services = board.status()["services"]
    check(services["dns"]["malformed"] == 0 and services["mdns"]["malformed"] == 0, f"{services}")
    return f"{services['dns']}"


TESTS = [begin, dig_all, dig_foreign, dig_strange, glibc, glibc_both, resolved, resolved_mdns, avahi, nss_mdns, dnsperf, well]
