"""Combinations of USB functions that fit (test/endpoints): Linux' drivers take each, and every function works."""
# SPDX-License-Identifier: MIT
import array
import fcntl
import glob
import os
import re
import select
import termios
import time

import usb.util

from lib import SERVER, SLOW, Board, check, read, run, usb_device, wait_for

# In the order of the firmware's list; the first byte of a board's unique ID says which one it has.
LISTS = ("NCM", "NCM, DFU", "NCM, vendor", "NCM, DFU, vendor", "NCM, vendor, vendor", "NCM, DFU, vendor, vendor",
         "NCM, vendor, vendor, vendor", "NCM, DFU, vendor, vendor, vendor", "NCM, ACM", "NCM, DFU, ACM", "NCM, ACM, vendor",
         "NCM, DFU, ACM, vendor")
UID_FIRST = 0x3A
SUITES = (LISTS[:4], LISTS[:8], LISTS[8:])  # what is plugged in: a chip with three IN endpoints has the first four
INTERFACES = {"NCM": [("02", "cdc_ncm"), ("0a", "cdc_ncm")], "DFU": [("fe", None)], "vendor": [("ff", None)],
              "ACM": [("02", "cdc_acm"), ("0a", "cdc_acm")]}
LENGTHS = (1, 63, 64, 65, 128, 500, 512)
LIMIT_MS = 20000

boards = []  # each with its combination


def begin():
    """begin: cdc_ncm takes each, a lease, the page's server answers"""
    run("modprobe", "cdc_acm")
    count = len(re.findall(r"^ *1-\d+:", run("usbip", "list", "-r", SERVER), re.M))
    for number in range(1, count + 1):
        board = Board(number).attach().lease()
        boards.append((board, LISTS[int(board.serial[:2], 16) - UID_FIRST]))
        board.reachable()
    check(tuple(listed for _, listed in boards) in SUITES, f"{boards}")
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
    for length in LENGTHS:
        message = os.urandom(length)
        device.write(ends[usb.util.ENDPOINT_OUT], message, LIMIT_MS)
        if length % 64 == 0:
            device.write(ends[usb.util.ENDPOINT_OUT], b"", LIMIT_MS)
        answer = bytes(device.read(ends[usb.util.ENDPOINT_IN], 1024, LIMIT_MS))
        check(answer == message, f"interface {number}: {length} bytes sent, {len(answer)} came back")


def port_open(board, number):
    """The serial port of a control interface, raw."""
    pattern = f"{board.device}/{board.interface(number)}/tty/ttyACM*"
    path = "/dev/" + os.path.basename(wait_for("a ttyACM", lambda: glob.glob(pattern))[0])
    wait_for(path, lambda: os.path.exists(path))
    port = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    attributes = termios.tcgetattr(port)
    attributes[0] = attributes[1] = attributes[3] = 0
    attributes[2] = attributes[2] & ~termios.CSIZE | termios.CS8 | termios.CREAD | termios.CLOCAL
    termios.tcsetattr(port, termios.TCSANOW, attributes)
    return port


def carrier(port):
    """DCD and DSR, which the board has told by its notification endpoint."""
    lines = array.array("i", [0])
    fcntl.ioctl(port, termios.TIOCMGET, lines)
    return lines[0] & termios.TIOCM_CAR and lines[0] & termios.TIOCM_DSR


def serial_echo(board, number):
    """Bytes there and back, whole packets, too, beside an echo of the network."""
    port = port_open(board, number)
    try:
        wait_for("DCD and DSR", lambda: carrier(port))
        for length in LENGTHS:
            sent, got, end = os.urandom(length), b"", time.monotonic() + SLOW * LIMIT_MS / 1000
            check(os.write(port, sent) == length, f"{length} bytes are not taken")
            board.reachable()
            while len(got) < length:
                check(select.select([port], [], [], max(0, end - time.monotonic()))[0], f"{len(got)} of {length} bytes came back")
                got += os.read(port, 4096)
            check(got == sent, f"{length} bytes came back otherwise")
    finally:
        os.close(port)


def functions():
    """each function has its driver, and works"""
    for board, listed in boards:
        found = interfaces(board)
        wanted = [pair for name in listed.split(", ") for pair in INTERFACES[name]]
        check([(kind, driver) for kind, _, driver in found] == wanted, f"{listed}: {found}")
        device = usb_device(board)
        for kind, number, driver in found:
            if kind == "ff":
                echo(device, number)
            elif kind == "fe":  # GETSTATUS: appIDLE
                check(bytes(device.ctrl_transfer(0xA1, 3, 0, number, 6, LIMIT_MS)) == bytes(6), listed)
            elif (kind, driver) == ("02", "cdc_acm"):
                serial_echo(board, number)
        usb.util.dispose_resources(device)
        board.reachable()
    return "; ".join(listed for _, listed in boards)


TESTS = [begin, functions]
