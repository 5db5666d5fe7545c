"""The kernel's own usbtest module: its control tests, which run on any device."""
# SPDX-License-Identifier: MIT
import ctypes
import errno
import fcntl
import os
import struct

from lib import QUICK, Board, Failed, check, read, run

ROUNDS = 50 if QUICK else 1000
# linux/usbdevice_fs.h and drivers/usb/misc/usbtest.c: struct usbdevfs_ioctl, struct usbtest_param_64.
USBDEVFS_IOCTL = 0xC0105512
USBTEST_REQUEST = 0xC0285564
PARAM = "=IIIII4xqq"

board = Board()


def begin():
    """begin"""
    board.attach()
    run("modprobe", "usbtest", f"vendor=0x{read(board.device + '/idVendor')}",
        f"product=0x{read(board.device + '/idProduct')}")
    for number in (1, 0):
        driver = f"{board.device}/{board.interface(number)}/driver"
        if os.path.exists(driver):
            with open(f"{driver}/unbind", "w", encoding="utf-8") as file:
                file.write(board.interface(number))
    with open("/sys/bus/usb/drivers/usbtest/bind", "w", encoding="utf-8") as file:
        file.write(board.interface(0))


def perform(number, rounds, length, vary, queue):
    """Seconds that a test took, by the module's own clock."""
    param = bytearray(struct.pack(PARAM, number, rounds, length, vary, queue, 0, 0))
    buffer = (ctypes.c_char * len(param)).from_buffer(param)
    request = struct.pack("=iiQ", 0, USBTEST_REQUEST - (1 << 32), ctypes.addressof(buffer))
    with open("/dev/bus/usb/%03d/%03d" % board.number, "r+b", buffering=0) as file:
        try:
            fcntl.ioctl(file, USBDEVFS_IOCTL, request)
        except OSError as error:
            raise Failed(f"test {number}: {errno.errorcode.get(error.errno)}; {run('dmesg', quiet=True)[-400:]}") from None
    seconds, microseconds = struct.unpack(PARAM, bytes(param))[5:]
    check(seconds + microseconds > 0, "it took no time")
    return seconds + microseconds / 1e6


def chapter_9():
    """test 9, requests of chapter 9"""
    return f"{ROUNDS} rounds in {perform(9, ROUNDS, 512, 0, 0):.1f} s"


def queued():
    """test 10, control requests queued, some refused, some unlinked"""
    return f"{ROUNDS} rounds in {perform(10, ROUNDS, 512, 0, 32):.1f} s"


def usable():
    """the card comes back, and the page"""
    run("rmmod", "usbtest")
    board.detach()
    board.attach().lease()
    check(b"<html" in board.get("/"), "no page")


TESTS = [begin, chapter_9, queued, usable]
