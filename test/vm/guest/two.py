"""Two boards at once: nothing of theirs collides."""
# SPDX-License-Identifier: MIT
import ipaddress

from lib import Board, check, mdns_ask, run

first, second = Board(1), Board(2)


def begin():
    """begin"""
    first.attach().lease()
    second.attach().lease()


def different():
    """MAC address, serial number, subnet"""
    check(first.mac != second.mac, first.mac)
    check(first.serial != second.serial, first.serial)
    nets = [ipaddress.ip_network(f"{board.own}/29", strict=False) for board in (first, second)]
    check(not nets[0].overlaps(nets[1]), f"{nets}")
    return f"{first.mac} {nets[0]}, {second.mac} {nets[1]}"


def pages():
    """both pages open"""
    for board in (first, second):
        check(b"<html" in board.get("/"), board.busid)
        check(board.status()["serial"] == board.serial, board.busid)


def own_names():
    """each by its own mDNS name"""
    names = [[name for name in board.status()["names"] if "-" in name and name.endswith(".local")][0]
             for board in (first, second)]
    check(names[0] != names[1], names[0])
    for board, name in zip((first, second), names):
        answer = mdns_ask(board, name)
        check(board.address in answer, f"{name}: {answer}")
        check(b"<html" in run("curl", "-sS", "--compressed", "--resolve", f"{name}:80:{board.address}",
                              f"http://{name}/").encode(), name)
    return ", ".join(names)


def one_leaves():
    """one leaves, the other doesn't notice"""
    first.detach()
    second.reachable()
    check(b"<html" in second.get("/"), "no page")


TESTS = [begin, different, pages, own_names, one_leaves]
