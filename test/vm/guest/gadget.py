"""The kernel's own device side (dummy_hcd and usb_f_ncm) in the board's place, for comparison: not part of ./check.

docs/hosts.md keeps what differs. Run by hand: test/vm/run.py gadget
"""
# SPDX-License-Identifier: MIT
import glob
import os
import re

import chapter9
import usbtest
from lib import check, dmesg, read, run, wait_for

CONFIG = "/sys/kernel/config/usb_gadget/g"


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def gadget_make():
    run("modprobe", "-a", "dummy_hcd", "libcomposite", "usb_f_ncm")
    run("mount", "-t", "configfs", "configfs", "/sys/kernel/config", good=(0, 32))
    for folder in ("", "/strings/0x409", "/functions/ncm.0", "/configs/c.1", "/configs/c.1/strings/0x409"):
        os.makedirs(CONFIG + folder, exist_ok=True)
    for name, value in {"idVendor": "0x1209", "idProduct": "0x0001", "bcdUSB": "0x0210", "strings/0x409/product": "gadget",
                        "strings/0x409/manufacturer": "linux", "strings/0x409/serialnumber": "1"}.items():
        write(f"{CONFIG}/{name}", value)
    os.symlink(f"{CONFIG}/functions/ncm.0", f"{CONFIG}/configs/c.1/ncm.0")
    before = set(glob.glob("/sys/bus/usb/devices/*/idVendor"))
    write(f"{CONFIG}/UDC", os.listdir("/sys/class/udc")[0])
    new = wait_for("the gadget", lambda: set(glob.glob("/sys/bus/usb/devices/*/idVendor")) - before)
    return os.path.dirname(new.pop())


def attach(board):
    board.device = made["device"]
    board.name = wait_for("a network card", board.card_find)
    return board


made = {}


def begin():
    """begin"""
    made["device"] = gadget_make()
    for module in (chapter9, usbtest):
        module.board.attach = lambda board=module.board: attach(board)
        module.board.detach = lambda: None
    return re.search(r"cdc_ncm \S+ \S+: register.*", dmesg())[0]


def descriptors():
    """lsusb -v"""
    text = run("lsusb", "-v", "-d", "1209:0001")
    for line in text.splitlines():
        print(f"# {line}")
    name = attach(chapter9.board).name
    for path in sorted(glob.glob(f"/sys/class/net/{name}/cdc_ncm/*")):
        print(f"# {os.path.basename(path)} {read(path)}")
    check(text, "none")


def again():
    """its drivers bind again"""
    chapter9.configure(0)
    chapter9.configure(1)
    attach(chapter9.board)


TESTS = [begin, descriptors, *(test for test in chapter9.TESTS if test is not chapter9.usable), again,
         *(test for test in usbtest.TESTS if test is not usbtest.usable)]
