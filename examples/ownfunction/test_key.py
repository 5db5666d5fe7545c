"""The key on the virtual board, by the test kit (docs/testkit.md): the test is the keyboard's driver, and its user.

    PYTHONPATH=testkit python3 -m plugnet_testkit examples/ownfunction/test_key.py

PLUGNET_IMAGE names another image than the one that `make APP=examples/ownfunction NAME=ownfunction` makes.
"""
# SPDX-License-Identifier: MIT
import os
import unittest

from plugnet_testkit import Board, VirtualTimeout

IMAGE = os.environ.get("PLUGNET_IMAGE", "build/stm32f4discovery-none-ownfunction/ownfunction.elf")
HID, SET_REPORT, OUTPUT = 0x03, 0x09, 0x0200
DOWN, UP = b"\1", b"\0"


class Key(unittest.TestCase):
    def test_pressed_by_the_button_and_by_the_page(self):
        with Board(IMAGE, forwards=[80]) as b:
            b.wait_state()
            reports = b.usb.find(cls=HID).endpoint_in
            for press in (lambda: b.button(True), lambda: b.http.post("/press")):
                press()
                self.assertEqual((b.usb.read(reports, 1), b.usb.read(reports, 1)), (DOWN, UP))
            with self.assertRaises(VirtualTimeout):  # once each
                b.usb.read(reports, 1)

    def test_light(self):
        with Board(IMAGE, forwards=[80]) as b:
            b.wait_state()
            number = b.usb.find(cls=HID).number
            for on in (True, False):
                b.usb.control_out(0x21, SET_REPORT, OUTPUT, number, bytes((on,)))
                b.leds.wait(0, on)
                self.assertEqual(b.http.get("/light").text, "on\n" if on else "off\n")


if __name__ == "__main__":
    unittest.main()
