#!/usr/bin/env python3
"""Print the log of a board that runs examples/usblog, by libusb (Debian's package python3-usb), or serve its WebUSB page.

    usblog.py [--id 1209:0006] [--level debug|info|warning] [--count N]     print records, N of them or for ever
    usblog.py --page [PORT]                                                 serve webusb/ at http://localhost:PORT/ (8000)

A browser gives WebUSB to secure pages alone: to https, and to localhost. Linux: the user needs the right to open the
device (a udev rule, or root); Windows and macOS ask for nothing.
"""
# SPDX-License-Identifier: MIT
import argparse
import functools
import http.server
import os
import struct
import sys

LEVELS = ("debug", "info", "warning")
NAME = "usblog"  # of the interface
RECORD_MAX = 512  # more than a record has
WAIT_MS = 1000


def decode(message):
    """(seconds, records lost before, level, text) of a record; see log.h."""
    ms, lost, level, _ = struct.unpack_from("<IHBB", message)
    return ms / 1000, lost, LEVELS[level] if level < len(LEVELS) else str(level), message[8:].decode(errors="replace")


def show(record):
    seconds, lost, level, text = record
    if lost:
        print(f"{'':>10}  {lost} lost")
    print(f"{seconds:10.3f}  {level:<7}  {text}", flush=True)


def find(core, util, vendor, product):
    """The device and its interface of that name."""
    for device in core.find(idVendor=vendor, idProduct=product, find_all=True):
        for interface in device.get_active_configuration():
            if interface.bInterfaceClass == 0xFF and util.get_string(device, interface.iInterface) == NAME:
                return device, interface
    sys.exit(f"no board with a log at {vendor:04x}:{product:04x}")


def follow(options):
    try:
        from usb import core, util
    except ImportError:
        sys.exit("python3-usb is missing: install Debian's package python3-usb, or pyusb by pip")
    device, interface = find(core, util, *(int(word, 16) for word in options.id.split(":")))
    util.claim_interface(device, interface.bInterfaceNumber)
    ends = {util.endpoint_direction(end.bEndpointAddress): end for end in interface}
    ends[util.ENDPOINT_OUT].write(bytes([LEVELS.index(options.level)]))
    left = options.count
    while left != 0:
        try:
            message = bytes(ends[util.ENDPOINT_IN].read(RECORD_MAX, WAIT_MS))
        except core.USBTimeoutError:
            continue  # nothing to say
        if message[6] >= LEVELS.index(options.level):  # older ones may still be in the board's ring
            show(decode(message))
            left -= 1


def serve(port):
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "webusb")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        print(f"http://localhost:{server.server_port}/", flush=True)
        server.serve_forever()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--id", default="1209:0006", metavar="VENDOR:PRODUCT")
    parser.add_argument("--level", default="debug", choices=LEVELS)
    parser.add_argument("--count", type=int, default=-1, metavar="N")
    parser.add_argument("--page", nargs="?", type=int, const=8000, metavar="PORT")
    options = parser.parse_args()
    try:
        if options.page is not None:
            serve(options.page)
        else:
            follow(options)
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
