"""The kernel's own usbtest module: its control tests, which run on any device."""
# SPDX-License-Identifier: MIT
import os

from lib import QUICK, Board, check, read, run, usbtest

ROUNDS = 50 if QUICK else 1000

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


def chapter_9():
    """test 9, requests of chapter 9"""
    return f"{ROUNDS} rounds in {usbtest(board, 0, 9, ROUNDS):.1f} s"


def queued():
    """test 10, control requests queued, some refused, some unlinked"""
    return f"{ROUNDS} rounds in {usbtest(board, 0, 10, ROUNDS, queue=32):.1f} s"


def usable():
    """the card comes back, and the page"""
    run("rmmod", "usbtest")
    board.detach()
    board.attach().lease()
    check(b"<html" in board.get("/"), "no page")


TESTS = [begin, chapter_9, queued, usable]
