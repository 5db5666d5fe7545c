"""Network managers: with the board plugged in, the default route and foreign names stay exactly as they were.

The guest's other card, eth0, stands for the internet: it has the default route and a name server (resolver.py). Board
1-4 doesn't name itself as a DNS server (option 6 off).
"""
# SPDX-License-Identifier: MIT
import os
import re
import time

import resolver
from lib import Board, check, daemon, daemon_end, read, resolv_conf, run, wait_for

FOREIGN = "www.example.net"
GATEWAY = "10.0.2.2"
OWN = "plugnet.home.arpa"

with_dns, without_dns = Board(1), Board(4)


def default_routes():
    return run("ip", "-4", "route", "show", "default", quiet=True).strip()


def routes_set():
    run("ip", "route", "replace", "default", "via", GATEWAY, "dev", "eth0")


def foreign(seconds=4):
    """The foreign name resolves by glibc, in time."""
    begin = time.monotonic()
    text = run("getent", "ahostsv4", FOREIGN, good=(0, 2))
    took = time.monotonic() - begin
    check(resolver.ANSWER in text, f"{FOREIGN}: {text!r}; resolv.conf: {read('/etc/resolv.conf')!r}")
    check(took < seconds, f"{FOREIGN} took {took:.1f} s")
    return took


def has_address(board):
    text = run("ip", "-4", "-o", "addr", "show", "dev", board.name, quiet=True)
    found = re.search(r"inet ([\d.]+)/29", text)
    if not found:
        return None
    board.own = found[1]
    board.address = board.own.rsplit(".", 1)[0] + "." + str(int(board.own.rsplit(".", 1)[1]) - 1)
    return board.own


def as_before(before):
    check(default_routes() == before, f"default route {default_routes()!r}, before {before!r}")


def begin():
    """begin"""
    resolver.start()
    run("sh", "-c", "sed -i 's/^hosts:.*/hosts: files dns/' /etc/nsswitch.conf")
    daemon("dbus")


# ---- networkd and resolved ----

def networkd():
    """systemd-networkd + resolved: lease, default route and foreign names as before"""
    os.makedirs("/etc/systemd/network", exist_ok=True)
    files = {"10-other.network": f"[Match]\nName=eth0\n[Network]\nAddress=10.0.2.15/24\nAddress={resolver.ADDRESS}/32\n"
                                 f"Gateway={GATEWAY}\nDNS={resolver.ADDRESS}\n",
             "20-board.network": "[Match]\nDriver=cdc_ncm\n[Network]\nDHCP=yes\n"}
    for name, text in files.items():
        with open(f"/etc/systemd/network/{name}", "w", encoding="utf-8") as file:
            file.write(text)
    daemon("udevd")
    run("udevadm", "trigger", "--action=add")
    run("udevadm", "settle")
    daemon("resolved")
    os.remove("/etc/resolv.conf")
    os.symlink("/run/systemd/resolve/stub-resolv.conf", "/etc/resolv.conf")
    daemon("networkd")
    wait_for("the default route", default_routes)
    wait_for("the other name server", lambda: resolver.ADDRESS in run("resolvectl", "dns", "eth0", quiet=True))
    before = default_routes()
    took = foreign()
    with_dns.attach()
    wait_for("networkd's lease", lambda: has_address(with_dns), 40)
    as_before(before)
    after = foreign()
    wait_for("the board as name server of its link",
             lambda: with_dns.address in run("resolvectl", "dns", with_dns.name, quiet=True), 20)
    check(with_dns.address in run("resolvectl", "query", "-4", OWN), "own name")
    check(b"<html" in with_dns.get("/"), "no page")
    log_check("networkd")
    return f"{FOREIGN} after {took * 1000:.0f} ms before, {after * 1000:.0f} ms with the board"


def log_check(name):
    """No complaint of a daemon about the board's interface."""
    bad = [line for line in read(f"/tmp/{name}.log").splitlines()
           if re.search(r"fail|error|invalid|NAK|ignor", line, re.I)
           and re.search(rf"{with_dns.name or '-'}\b|{without_dns.name or '-'}\b|dhcp", line)
           and not re.search(r"ethtool|hostname|sysctl|Bus|polkit|user bus|Could not set", line)]
    check(not bad, f"{name}: {bad[:3]}")


def networkd_renews():
    """systemd-networkd: renewed and released on command"""
    before = with_dns.status()["services"]["dhcp"]
    run("networkctl", "renew", with_dns.name)
    wait_for("an ACK more", lambda: with_dns.status()["services"]["dhcp"]["acks"] > before["acks"], 15, 0.5)
    run("networkctl", "down", with_dns.name)
    run("networkctl", "up", with_dns.name)
    wait_for("the lease again", lambda: has_address(with_dns), 30)
    with_dns.reachable()


def networkd_end():
    """systemd-networkd: unplugged, as before"""
    with_dns.detach()
    foreign()
    for name in ("networkd", "resolved", "udevd"):
        daemon_end(name)
    resolv_conf(resolver.ADDRESS)
    for name in os.listdir("/etc/systemd/network"):
        os.remove(f"/etc/systemd/network/{name}")


# ---- NetworkManager ----

def manager_begin():
    """NetworkManager begins"""
    resolv_conf(resolver.ADDRESS)
    os.makedirs("/etc/NetworkManager/conf.d", exist_ok=True)
    os.makedirs("/etc/NetworkManager/system-connections", exist_ok=True)
    with open("/etc/NetworkManager/NetworkManager.conf", "w", encoding="utf-8") as file:
        file.write("[main]\nplugins=keyfile\ndns=default\nrc-manager=file\nauth-polkit=false\n")
    path = "/etc/NetworkManager/system-connections/other.nmconnection"
    with open(path, "w", encoding="utf-8") as file:
        file.write("[connection]\nid=other\ntype=ethernet\ninterface-name=eth0\n[ipv4]\nmethod=manual\n"
                   f"address1=10.0.2.15/24,{GATEWAY}\naddress2={resolver.ADDRESS}/32\ndns={resolver.ADDRESS}\n[ipv6]\nmethod=disabled\n")
    os.chmod(path, 0o600)
    daemon("udevd")
    run("udevadm", "trigger", "--action=add")
    run("udevadm", "settle")
    daemon("manager")
    run("nmcli", "connection", "up", "other")
    wait_for("the default route", lambda: "eth0" in default_routes(), 40)
    wait_for("the name server", lambda: "NetworkManager" in read("/etc/resolv.conf") and
             resolver.ADDRESS in read("/etc/resolv.conf"), 20)


def manager(board):
    before, servers = default_routes(), read("/etc/resolv.conf")
    took = foreign()
    board.attach()
    wait_for("NetworkManager's lease", lambda: has_address(board), 60)
    time.sleep(2)  # for what it may do afterwards
    as_before(before)
    after = foreign()
    check(b"<html" in board.get("/"), "no page")
    first = [line for line in read("/etc/resolv.conf").splitlines() if line.startswith("nameserver")]
    check(first[0] == f"nameserver {resolver.ADDRESS}", f"resolv.conf {first}, before {servers!r}")
    board.detach()
    wait_for("resolv.conf as before", lambda: read("/etc/resolv.conf") == servers, 20)
    return f"{', '.join(line.split()[1] for line in first)}; {FOREIGN} {took * 1000:.0f} and {after * 1000:.0f} ms"


def manager_with_dns():
    """NetworkManager, option 6 on: default route and foreign names as before"""
    return manager(with_dns)


def manager_without_dns():
    """NetworkManager, option 6 off: default route and foreign names as before"""
    return manager(without_dns)


def manager_end():
    """NetworkManager ends"""
    for name in ("manager", "udevd"):
        daemon_end(name)
    run("ip", "addr", "replace", "10.0.2.15/24", "dev", "eth0")
    run("ip", "addr", "replace", f"{resolver.ADDRESS}/32", "dev", "eth0")
    run("ip", "link", "set", "eth0", "up")
    routes_set()


# ---- Plain clients, which write resolv.conf from our lease alone ----

RESOLVCONF = "/usr/sbin/resolvconf"  # systemd-resolved's; a system with plain clients has none


def plain(board, *words):
    if os.path.exists(RESOLVCONF):
        os.remove(RESOLVCONF)
    resolv_conf(resolver.ADDRESS)
    routes_set()
    before = default_routes()
    board.attach()
    board.up()
    run(*words, board.name, limit=90)
    wait_for("an address", lambda: has_address(board), 10)
    as_before(before)
    servers = re.findall(r"^nameserver (\S+)", read("/etc/resolv.conf"), re.M)
    return servers


def plain_end(board):
    for pid in re.findall(r"\d+", run("busybox", "pidof", "dhclient", "udhcpc", good=(0, 1), quiet=True)):
        os.kill(int(pid), 15)
    board.detach()


def dhclient_with_dns():
    """plain dhclient, option 6 on: the board becomes the only name server, foreign names are lost"""
    servers = plain(with_dns, "dhclient", "-4", "-1")
    check(servers == [with_dns.address], f"{servers}")
    check(with_dns.address in run("getent", "ahostsv4", OWN), "own name")
    check(resolver.ANSWER not in run("getent", "ahostsv4", FOREIGN, good=(0, 2)), "docs/hosts.md says otherwise")
    plain_end(with_dns)


def dhclient_without_dns():
    """plain dhclient, option 6 off: foreign names as before"""
    servers = plain(without_dns, "dhclient", "-4", "-1")
    check(servers == [resolver.ADDRESS], f"{servers}")
    foreign()
    check(b"<html" in without_dns.get("/"), "no page")
    plain_end(without_dns)


def udhcpc_with_dns():
    """plain udhcpc, option 6 on: the board becomes the only name server, foreign names are lost"""
    servers = plain(with_dns, "busybox", "udhcpc", "-n", "-b", "-s", "/etc/udhcpc/default.script", "-i")
    check(servers == [with_dns.address], f"{servers}")
    check(with_dns.address in run("getent", "ahostsv4", OWN), "own name")
    check(resolver.ANSWER not in run("getent", "ahostsv4", FOREIGN, good=(0, 2)), "docs/hosts.md says otherwise")
    plain_end(with_dns)


def udhcpc_without_dns():
    """plain udhcpc, option 6 off: Debian's script empties resolv.conf, foreign names are lost all the same"""
    servers = plain(without_dns, "busybox", "udhcpc", "-n", "-b", "-s", "/etc/udhcpc/default.script", "-i")
    check(servers == [], f"docs/hosts.md says otherwise: {servers}")
    check(b"<html" in without_dns.get("/"), "no page")
    plain_end(without_dns)


TESTS = [begin, networkd, networkd_renews, networkd_end, manager_begin, manager_with_dns, manager_without_dns, manager_end,
         dhclient_with_dns, dhclient_without_dns, udhcpc_with_dns, udhcpc_without_dns]
