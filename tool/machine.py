#!/usr/bin/env python3
"""What tests must leave as it was: this machine's name servers, network and services.

    tool/machine.py note FILE        before anything is installed or run
    tool/machine.py compare FILE     after everything: prints "ok NAME" and "not ok NAME: why" lines

Without FILE from "note" there is nothing to compare: "skip".
"""
# SPDX-License-Identifier: MIT
import glob
import json
import os
import sys

MARK = "PLUGNET_CHECK"  # in the environment of all that ./check starts

# Programs that manage networks or answer for it; none may come with what the tests install.
MANAGERS = ["NetworkManager", "networkd", "systemd-networkd", "systemd-resolved", "resolvconf", "avahi-daemon", "dhclient",
            "dhcpcd", "udhcpd", "dhcpd", "dnsmasq", "connmand", "netplan", "ifup", "wpa_supplicant"]


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return None


def links():
    """Each network interface: MAC address, MTU, up or not."""
    return {name: [(read(f"/sys/class/net/{name}/{what}") or "").strip() for what in ("address", "mtu", "operstate")]
            for name in sorted(os.listdir("/sys/class/net"))}


def routes():
    """Without what counts up: reference and use."""
    lines = (read("/proc/net/route") or "").splitlines()
    return sorted(" ".join(line.split()[:4] + line.split()[6:8]) for line in lines)


def addresses():
    return sorted(set(line.split()[-1] for line in (read("/proc/net/fib_trie") or "").splitlines() if "|--" in line))


def managers():
    folders = ["/bin", "/sbin", "/usr/bin", "/usr/sbin", "/lib/systemd", "/usr/lib/systemd", "/usr/libexec"]
    return sorted(name for name in MANAGERS if any(os.path.exists(os.path.join(folder, name)) for folder in folders))


def is_others(folder):
    """Somebody else's process: its environment can be read, and has no mark of this ./check. Without a mark of ours: nobody knows."""
    mark = os.environ.get(MARK)
    words = (read(os.path.join(folder, "environ")) or "").split("\0")
    return bool(mark) and words != [""] and f"{MARK}={mark}" not in words


def processes():
    """Names of processes that nobody waits for: services, and what a test forgot. What others started on this machine meanwhile
    is theirs."""
    names = []
    for folder in glob.glob("/proc/[0-9]*"):
        text = read(os.path.join(folder, "stat"))
        if text is not None:
            name, rest = text.split("(", 1)[1].rsplit(")", 1)
            if rest.split()[1] == "1" and rest.split()[0] != "Z" and not is_others(folder):
                names.append(name)
    return sorted(names)


def state():
    return {"resolv.conf": [os.path.realpath("/etc/resolv.conf"), read("/etc/resolv.conf")], "links": links(),
            "addresses": addresses(), "routes": routes(), "programs that manage networks": managers()}


def note(path):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"state": state(), "processes": processes()}, file)
    return 0


def compare(path):
    text = read(path)
    if text is None:
        print("skip machine as before: it was not noted; ./check notes it")
        return 0
    good = True
    before, now = json.loads(text), state()
    for what, value in before["state"].items():
        if json.loads(json.dumps(now[what])) == value:
            print(f"ok machine as before: {what}")
        else:
            print(f"not ok machine as before: {what}: was {value}, is {now[what]}")
            good = False
    left = processes()
    for name in before["processes"]:
        if name in left:
            left.remove(name)
    if left:
        print(f"not ok machine as before: processes: left behind: {', '.join(left)}")
        good = False
    else:
        print("ok machine as before: processes")
    return 0 if good else 1


def main(argv):
    if len(argv) != 3 or argv[1] not in ("note", "compare"):
        print(__doc__, file=sys.stderr)
        return 2
    return note(argv[2]) if argv[1] == "note" else compare(argv[2])


if __name__ == "__main__":
    sys.exit(main(sys.argv))
