"""The example's own function (examples/ownfunction) is a keyboard to Linux: its key types, its light shines."""
# SPDX-License-Identifier: MIT
import glob
import os
import select
import struct
import urllib.request

from lib import SLOW, Board, check, driver_of, read, run, wait_for

INTERFACE = 3  # NCM has 0 and 1, DFU 2
EV_KEY, KEY_F13 = 1, 183
EVENT = "llHHi"  # struct input_event

board = Board(4)
state = {}


def begin():
    """begin: usbhid takes it"""
    run("modprobe", "-a", "usbhid", "hid-generic", "evdev")
    board.attach().lease()
    folder = f"{board.device}/{board.interface(INTERFACE)}"
    state["input"] = wait_for("an input device", lambda: glob.glob(f"{folder}/*/input/input*"), 10)[0]
    check(driver_of(folder) == "usbhid", folder)
    state["event"] = os.path.basename(glob.glob(f"{state['input']}/event*")[0])


def press():
    request = urllib.request.Request(f"http://{board.address}/press", data=b"", method="POST")
    with urllib.request.urlopen(request, timeout=10 * SLOW) as reply:
        check(reply.status == 204, reply.status)


def key():
    """a press types F13, down and up"""
    with open(f"/dev/input/{state['event']}", "rb", buffering=0) as device:
        for _ in range(5):
            press()
            seen = []
            while len(seen) < 2:
                check(select.select([device], [], [], 10 * SLOW)[0], f"no event, after {seen}")
                for event in struct.iter_unpack(EVENT, device.read(struct.calcsize(EVENT) * 16)):
                    seen += [event[3:]] if event[2] == EV_KEY else []
            check(seen == [(KEY_F13, 1), (KEY_F13, 0)], f"{seen}")


def light():
    """Caps Lock lights it, beside the network"""
    led = glob.glob(f"{state['input']}/*::capslock/brightness")[0]
    for on in (1, 0, 1, 0):
        with open(led, "w", encoding="utf-8") as file:
            file.write(str(on))
        wait_for("the light", lambda on=on: board.get("/light") == (b"on\n" if on else b"off\n"), 10)
    check(read(led) == "0", read(led))


TESTS = [begin, key, light]
