"""The kernel's cdc_ncm driver binds to the board, and finds nothing to complain of."""
# SPDX-License-Identifier: MIT
import glob
import re

from lib import Board, check, dmesg, driver_of, read, run, table_find

board = Board()
# Lines of a healthy attach that have one of these words are none of ours: vhci_hcd warns of its own protocol.
HARMLESS = re.compile(r"vhci_hcd|usbip|loading out-of-tree|9p|overlay|random:", re.I)
BAD = re.compile(r"warn|error|fail|invalid|unexpected|bogus|unable|timed? ?out|not responding", re.I)


def binds():
    """cdc_ncm binds"""
    board.attach()
    for number in (0, 1):
        driver = driver_of(f"/sys/bus/usb/devices/{board.interface(number)}")
        check(driver == "cdc_ncm", f"interface {number} has driver {driver}")
    return table_find(dmesg(), r"cdc_ncm \S+ \S+: (register .*)")[1]


def complaints():
    """no complaint in dmesg"""
    bad = [line for line in dmesg().splitlines() if re.search(r"usb|cdc|ncm", line, re.I) and BAD.search(line)
           and not HARMLESS.search(line)]
    check(not bad, "; ".join(bad))


def mac():
    """the MAC address is iMACAddress"""
    text = run("lsusb", "-v", "-d", f"{read(board.device + '/idVendor')}:{read(board.device + '/idProduct')}")
    declared = table_find(text, r"iMacAddress\s+\d+\s+([0-9A-F]{12})")[1].lower()
    check(board.mac.replace(":", "") == declared, f"{board.mac} is not {declared}")
    return board.mac


def lsusb():
    """lsusb -v reads every descriptor"""
    text = run("lsusb", "-v", "-s", "%d:%d" % board.number)
    bad = [line for line in text.splitlines() if re.search(r"error|unknown|invalid|bad |can't|couldn't|warning", line, re.I)
           and "unknown subclass" not in line and "unknown protocol" not in line]
    check(not bad, f"{bad}")
    for wanted in ("CDC Header", "CDC Union", "CDC Ethernet", "CDC NCM", "Binary Object Store", "Interface Association"):
        check(wanted in text, f"no {wanted}")
    return f"{len(text.splitlines())} lines"


def carrier():
    """carrier, a lease, the page"""
    board.up()
    board.lease()
    check(b"<html" in board.get("/"), "no page")
    return f"{board.own} from {board.address}"


def counters():
    """no errors in the interface's counters"""
    for name in ("rx_errors", "tx_errors", "rx_dropped", "tx_dropped"):
        value = read(f"/sys/class/net/{board.name}/statistics/{name}")
        check(value == "0", f"{name} is {value}")
    check(glob.glob(f"/sys/class/net/{board.name}/cdc_ncm/*"), "no cdc_ncm folder in sysfs")


TESTS = [binds, complaints, mac, lsusb, carrier, counters]
