"""Each combination of USB functions that fits (test/endpoints): Linux' drivers take it, and every function works."""
# SPDX-License-Identifier: MIT
import os

import usb.util

from lib import Board, Failed, check, read, usb_device

# In the order of the firmware's list; a board with three IN endpoints beside endpoint 0 has the first four.
LISTS = ("NCM", "NCM, DFU", "NCM, vendor", "NCM, DFU, vendor", "NCM, vendor, vendor", "NCM, DFU, vendor, vendor",
         "NCM, vendor, vendor, vendor", "NCM, DFU, vendor, vendor, vendor")
COUNT_SMALL = 4
LIMIT_MS = 20000

boards = []


def begin():
    """begin: cdc_ncm takes each, a lease, the page's server answers"""
    for number in range(1, len(LISTS) + 1):
        try:
            boards.append(Board(number).attach().lease())
        except Failed:
            if number != COUNT_SMALL + 1:
                raise
            break
        boards[-1].reachable()
    check(len(boards) in (COUNT_SMALL, len(LISTS)), f"{len(boards)} boards")
    return f"{len(boards)} boards"


def interfaces(board):
    """(class, number, driver or None) of each interface, in order."""
    found = []
    for number in range(int(read(f"{board.device}/bNumInterfaces"))):
        folder = f"{board.device}/{board.interface(number)}"
        driver = os.path.basename(os.readlink(f"{folder}/driver")) if os.path.exists(f"{folder}/driver") else None
        found.append((read(f"{folder}/bInterfaceClass"), number, driver))
    return found


def echo(device, number):
    """A message there and back."""
    usb.util.claim_interface(device, number)
    setting = device.get_active_configuration()[(number, 0)]
    ends = {usb.util.endpoint_direction(e.bEndpointAddress): e.bEndpointAddress for e in setting}
    for length in (1, 63, 64, 65, 500, 512):
        message = os.urandom(length)
        device.write(ends[usb.util.ENDPOINT_OUT], message, LIMIT_MS)
        if length % 64 == 0:
            device.write(ends[usb.util.ENDPOINT_OUT], b"", LIMIT_MS)
        answer = bytes(device.read(ends[usb.util.ENDPOINT_IN], 1024, LIMIT_MS))
        check(answer == message, f"interface {number}: {length} bytes sent, {len(answer)} came back")


def functions():
    """each function has its driver, and works"""
    for board, functions_listed in zip(boards, LISTS):
        wanted = []
        for name in functions_listed.split(", "):
            wanted += {"NCM": ["02", "0a"], "DFU": ["fe"], "vendor": ["ff"]}[name]
        found = interfaces(board)
        check([kind for kind, _, _ in found] == wanted, f"{functions_listed}: {found}")
        check(all((driver == "cdc_ncm") == (kind in ("02", "0a")) for kind, _, driver in found), f"{functions_listed}: {found}")
        device = usb_device(board)
        for kind, number, _ in found:
            if kind == "ff":
                echo(device, number)
            elif kind == "fe":  # GETSTATUS: appIDLE
                check(bytes(device.ctrl_transfer(0xA1, 3, 0, number, 6, LIMIT_MS)) == bytes(6), functions_listed)
        usb.util.dispose_resources(device)
        board.reachable()
    return "; ".join(functions_listed for _, functions_listed in zip(boards, LISTS))


TESTS = [begin, functions]
