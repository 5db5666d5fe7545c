"""What only a real host controller does: resets of the bus, ports that are plugged and unplugged, two boards behind a hub.

By usbredir (run.py --redir): the guest's own xhci_hcd or uhci_hcd asks for each of these, on a controller of QEMU's.
"""
# SPDX-License-Identifier: MIT
import os
import subprocess

from lib import REDIR, Board, check, dmesg, echoes, pools, pools_kept, read, run, wait_for

RESETS, ROUNDS = {"quick": (3, 1), "long": (150, 20)}.get(os.environ.get("CHECK"), (12, 3))

board = Board()
state = {}


def resets_count(which):
    return which.status()["usb"]["resets"]


def begin():
    """binds, leases, serves the page"""
    check(REDIR, "this list is for run.py --redir")
    board.attach().lease()
    check(b"<html" in board.get("/"), "no page")
    state["pools"] = pools(board)
    root = f"/sys/bus/usb/devices/usb{board.number[0]}"
    driver = os.path.basename(os.readlink(os.path.realpath(f"{root}/..") + "/driver"))
    check(driver == ("uhci_hcd" if REDIR == "uhci" else "xhci_hcd"), driver)
    check(read(f"{board.device}/speed") == "12", "not at full speed")
    return f"{driver}, {os.path.basename(board.device)}"


def echoes_of_lengths():
    """echoes of every length"""
    for length in (18, 64, 500, 1000, 1472):
        echoes(board, length, 20)


def resets():
    """USBDEVFS_RESET: the board's bus is reset each time"""
    before = resets_count(board)
    for _ in range(RESETS):
        board.bus_reset()
    seen = resets_count(board) - before
    check(seen >= RESETS, f"{seen} bus resets at the board")
    return f"{RESETS} times, {seen} bus resets"


def unbind_and_bind():
    """driver unbound and bound"""
    for _ in range(ROUNDS):
        board.rebind()
    return f"{ROUNDS} times"


def plugs():
    """unplugged under traffic, and plugged in"""
    for _ in range(ROUNDS):
        traffic = subprocess.Popen(["ping", "-q", "-i", "0.002", "-s", "1400", board.address],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        check(board.ping(), "no answer under load")
        board.detach()
        traffic.kill()
        traffic.wait()
        board.attach()
        board.back()
    check(b"<html" in board.get("/"), "no page")
    return f"{ROUNDS} times"


def two():
    """two boards; one leaves, the other doesn't notice"""
    other = Board(2).attach().lease()
    check(other.serial != board.serial, other.serial)
    board.back()
    check(b"<html" in other.get("/"), "no page of the second")
    before = resets_count(board)
    other.detach()
    board.reachable()
    check(resets_count(board) == before, "the first board's bus was reset")
    pools_kept(board, state["pools"])
    return f"{os.path.basename(board.device)} stayed"


def own_disconnect():
    """a board that goes by itself is a new device: into its boot loader and back"""
    run("dfu-util", "-d", "1209:0001,0483:df11", "-a", "0", "-e", good=None)
    rom = wait_for("the boot loader", lambda: "0483:df11" in run("lsusb", quiet=True), 60)
    run("dfu-util", "-d", "0483:df11", "-a", "0", "-s", "0x08000000:leave", good=None)
    wait_for("the firmware", lambda: "1209:0001" in run("lsusb", quiet=True), 60)
    board.name = wait_for("the card", board.card_find)
    board.lease()
    check(rom and b"<html" in board.get("/"), "no page")


def uhci():
    """on UHCI: binds, leases, serves, is reset"""
    third = Board(3, "uhci").attach().lease()
    driver = os.path.basename(os.readlink(os.path.realpath(f"/sys/bus/usb/devices/usb{third.number[0]}/..") + "/driver"))
    check(driver == "uhci_hcd", driver)
    echoes(third, 1400, 20, 0.02)
    for _ in range(2):
        third.bus_reset()
    check(b"<html" in third.get("/"), "no page")
    third.detach()
    board.reachable()


def complaints():
    """no complaint of the host controllers' drivers"""
    bad = [line for line in dmesg().splitlines() if "hci_hcd" in line
           and any(word in line.lower() for word in ("warn", "error", "fail", "timeout", "died", "stuck"))]
    check(not bad, "; ".join(bad))


TESTS = [begin, echoes_of_lengths, resets, unbind_and_bind, plugs, two, own_disconnect, *([uhci] if REDIR != "uhci" else []), complaints]
