"""Tests of firmware on plugnet's virtual board, from Python: the real image, no hardware, in virtual time.

    from plugnet_testkit import Board

    with Board("build/stm32f4discovery-none/plugnet.elf", forwards=[80]) as b:
        b.wait_state("leased")
        print(b.http.get("/api/status").json())

The board's time stands still unless the test lets it run; every call that waits does so, as fast as this machine can.
docs/testkit.md is the manual.
"""
# SPDX-License-Identifier: MIT
from .board import Board, Leds, Pin, Serial
from .control import PROTOCOL, BoardDied, CommandError, Control, VirtualTimeout
from .elf import Elf, ElfError, Symbol
from .log import Line, Log
from .net import Answer, Http, TcpSocket, UdpSocket
from .update import UpdateError, update_file
from .usb import Console, Device, Endpoint, Interface, Transfer, Usb, UsbError

__all__ = ["Answer", "Board", "BoardDied", "CommandError", "Console", "Control", "Device", "Elf", "ElfError", "Endpoint", "Http",
           "Interface", "Leds", "Line", "Log", "PROTOCOL", "Pin", "Serial", "Symbol", "TcpSocket", "Transfer", "UdpSocket", "UpdateError",
           "Usb", "UsbError", "VirtualTimeout", "update_file"]
