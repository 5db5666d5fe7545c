"""What USB's compliance suite asks of every device (facts.md H1), by python3-usb through the real kernel.

The states: a device in use is configured; configuration 0 puts it back into address state. Bus reset and default
state don't reach a device over USB/IP; they are tested with the PC in user space (test/system, test/host).
"""
# SPDX-License-Identifier: MIT
import errno

import usb.core
import usb.util

from lib import Board, check, read, usb_device, wait_for

DEVICE_IN, DEVICE_OUT, INTERFACE_IN, INTERFACE_OUT, ENDPOINT_IN, ENDPOINT_OUT = 0x80, 0x00, 0x81, 0x01, 0x82, 0x02
GET_STATUS, CLEAR_FEATURE, SET_FEATURE, GET_DESCRIPTOR, SET_DESCRIPTOR = 0, 1, 3, 6, 7
GET_CONFIGURATION, SET_CONFIGURATION, GET_INTERFACE, SET_INTERFACE, SYNCH_FRAME = 8, 9, 10, 11, 12
DEVICE, CONFIGURATION, STRING, INTERFACE, ENDPOINT, IAD, BOS = 1, 2, 3, 4, 5, 11, 15
ENDPOINT_HALT, REMOTE_WAKEUP = 0, 1

board = Board()
state = {}


def control(kind, request, value=0, index=0, data_or_length=0):
    return state["usb"].ctrl_transfer(kind, request, value, index, data_or_length, timeout=3000)


def stalls(kind, request, value=0, index=0, data_or_length=0):
    """The request must be refused, and by STALL."""
    what = f"request {request}, type {kind:#x}, value {value:#x}, index {index:#x}"
    try:
        control(kind, request, value, index, data_or_length)
    except usb.core.USBError as error:
        check(error.errno == errno.EPIPE, f"{what}: {error} instead of STALL")
        return
    check(False, f"{what} was accepted")


def descriptor(kind, index=0, language=0, length=4096):
    return bytes(control(DEVICE_IN, GET_DESCRIPTOR, kind << 8 | index, language, length))


def walk(configuration):
    """The descriptors in a configuration; their lengths must add up."""
    at, found = 0, []
    while at < len(configuration):
        length = configuration[at]
        check(2 <= length <= len(configuration) - at, f"a descriptor of {length} bytes at {at}")
        found.append(configuration[at:at + length])
        at += length
    return found


def configure(value):
    """As the kernel does it: SET_CONFIGURATION, and drivers go or come."""
    with open(f"{board.device}/bConfigurationValue", "w", encoding="utf-8") as file:
        file.write(str(value))


def let_go():
    """No driver at any interface, so that requests to them are ours."""
    for number in range(int(read(f"{board.device}/bNumInterfaces"))):
        if state["usb"].is_kernel_driver_active(number):
            state["usb"].detach_kernel_driver(number)


def begin():
    """begin"""
    board.attach()
    state["usb"] = usb_device(board)
    let_go()
    state["device"], state["configuration"] = descriptor(DEVICE, length=18), descriptor(CONFIGURATION)


def device_descriptor():
    """9.1 device descriptor, configured and addressed, any length asked for"""
    d = state["device"]
    check(len(d) == 18 and d[0] == 18 and d[1] == DEVICE, "not a device descriptor")
    check(d[7] in (8, 16, 32, 64), f"bMaxPacketSize0 {d[7]}")
    check(d[2] | d[3] << 8 in (0x0200, 0x0201, 0x0210), "bcdUSB")
    for length in (1, 8, 17, 18, 64, 255, 4096):
        check(descriptor(DEVICE, length=length) == d[:length], f"differs when {length} bytes are asked for")
    configure(0)
    for length in (8, 18, 64):
        check(descriptor(DEVICE, length=length) == d[:length], f"differs in address state, {length} bytes")
    configure(1)
    let_go()


def configuration_descriptor():
    """9.2 configuration descriptor, configured and addressed"""
    c = state["configuration"]
    check(c[0] == 9 and c[1] == CONFIGURATION and c[2] | c[3] << 8 == len(c), "wTotalLength")
    check(c[5] != 0 and c[7] & 0x80 and not c[7] & 0x1F, f"bConfigurationValue {c[5]}, bmAttributes {c[7]:#x}")
    found = walk(c)
    numbers = {d[2] for d in found if d[1] == INTERFACE}
    check(numbers == set(range(c[4])), f"bNumInterfaces {c[4]}, interfaces {numbers}")
    for length in (9, 10, len(c) - 1, len(c)):
        check(descriptor(CONFIGURATION, length=length) == c[:length], f"differs when {length} bytes are asked for")
    configure(0)
    check(descriptor(CONFIGURATION) == c, "differs in address state")
    configure(1)
    let_go()
    return f"{len(c)} bytes, {len(found)} descriptors"


def association_descriptor():
    """9.3 interface association"""
    found = walk(state["configuration"])
    associations = [(i, d) for i, d in enumerate(found) if d[1] == IAD]
    check(associations, "none")
    check(state["device"][4:7] == b"\xEF\x02\x01", "device class is not EF/02/01")
    for i, d in associations:
        check(d[0] == 8 and d[3] >= 2, f"bLength {d[0]}, bInterfaceCount {d[3]}")
        first = found[i + 1]
        check(first[1] == INTERFACE and first[2] == d[2], "doesn't stand before its first interface")
        check(first[5:7] == d[4:6], "its class is not its first interface's")


def interface_descriptors():
    """9.4 interface descriptors, GET_INTERFACE and SET_INTERFACE"""
    count = 0
    for d in walk(state["configuration"]):
        if d[1] == INTERFACE:
            check(d[0] == 9, f"bLength {d[0]}")
            control(INTERFACE_OUT, SET_INTERFACE, d[3], d[2])
            check(bytes(control(INTERFACE_IN, GET_INTERFACE, 0, d[2], 1)) == bytes([d[3]]), "GET_INTERFACE")
            check(bytes(control(INTERFACE_IN, GET_STATUS, 0, d[2], 2)) == b"\0\0", "GET_STATUS")
            count += 1
    stalls(INTERFACE_OUT, SET_INTERFACE, 2, 1)
    stalls(INTERFACE_OUT, SET_INTERFACE, 1, 0)
    return f"{count} settings"


def endpoints():
    """bEndpointAddress of each endpoint, with its descriptor"""
    return {d[2]: d for d in walk(state["configuration"]) if d[1] == ENDPOINT}


def endpoint_descriptors():
    """9.5 endpoint descriptors"""
    for address, d in endpoints().items():
        size, kind = d[4] | d[5] << 8, d[3]
        check(d[0] == 7 and address & 0x70 == 0 and address & 15, f"endpoint {address:#x}")
        check(kind in (2, 3), f"endpoint {address:#x} has type {kind}")
        check(size in (8, 16, 32, 64) if kind == 2 else 1 <= size <= 64, f"endpoint {address:#x}: {size} bytes")
        check(kind == 2 or d[6] >= 1, f"endpoint {address:#x}: bInterval {d[6]}")
    return f"{len(endpoints())} endpoints"


def halt_each():
    """9.9 halt of each endpoint"""
    control(INTERFACE_OUT, SET_INTERFACE, 1, 1)
    for address in endpoints():
        for halted in (True, False, False, True, True, False):
            control(ENDPOINT_OUT, SET_FEATURE if halted else CLEAR_FEATURE, ENDPOINT_HALT, address)
            check(bytes(control(ENDPOINT_IN, GET_STATUS, 0, address, 2)) == bytes([halted, 0]),
                  f"endpoint {address:#x}: status after {'SET' if halted else 'CLEAR'}_FEATURE")
    check(bytes(control(ENDPOINT_IN, GET_STATUS, 0, 0, 2)) == b"\0\0", "endpoint 0")
    control(INTERFACE_OUT, SET_INTERFACE, 0, 1)


def invalid_requests():
    """9.10 what must be refused is, by STALL, and the device stays well"""
    for kind in (0, 4, 5, 6, 7, 8, 11, 12, 16, 33, 255):
        stalls(DEVICE_IN, GET_DESCRIPTOR, kind << 8, 0, 64)
    for value in (CONFIGURATION << 8 | 1, DEVICE << 8 | 1, STRING << 8 | 0xEE, STRING << 8 | 200, BOS << 8 | 1):
        stalls(DEVICE_IN, GET_DESCRIPTOR, value, 0x0409, 64)
    stalls(DEVICE_OUT, SET_DESCRIPTOR, DEVICE << 8, 0, b"\x12\x01")
    stalls(DEVICE_IN, SYNCH_FRAME, 0, 0, 2)
    for request in (2, 4, 13, 14, 48, 255):
        stalls(DEVICE_IN, request, 0, 0, 8)
        stalls(DEVICE_OUT, request, 0, 0, 0)
    for feature in (2, 3, 7, 255):
        stalls(DEVICE_OUT, SET_FEATURE, feature)
    stalls(DEVICE_OUT, SET_CONFIGURATION, 2)
    stalls(DEVICE_OUT, SET_CONFIGURATION, 255)
    check(descriptor(DEVICE, length=18) == state["device"], "not well afterwards")
    check(bytes(control(DEVICE_IN, GET_CONFIGURATION, 0, 0, 1)) == b"\1", "not configured any more")


def status_and_wakeup():
    """9.12, 9.18 remote wake-up and power as declared"""
    attributes = state["configuration"][7]
    powered, wakes = attributes >> 6 & 1, attributes >> 5 & 1
    for on in (True, False):
        if not wakes:
            stalls(DEVICE_OUT, SET_FEATURE if on else CLEAR_FEATURE, REMOTE_WAKEUP)
            continue
        control(DEVICE_OUT, SET_FEATURE if on else CLEAR_FEATURE, REMOTE_WAKEUP)
        check(bytes(control(DEVICE_IN, GET_STATUS, 0, 0, 2)) == bytes([powered | on << 1, 0]), f"GET_STATUS, on={on}")
    return f"{'self' if powered else 'bus'}-powered, remote wake-up {'yes' if wakes else 'no'}"


def set_configuration():
    """9.13 configuration 0 and back"""
    for _ in range(10):
        configure(0)
        check(bytes(control(DEVICE_IN, GET_CONFIGURATION, 0, 0, 1)) == b"\0", "GET_CONFIGURATION after 0")
        check(bytes(control(DEVICE_IN, GET_STATUS, 0, 0, 2))[1] == 0, "GET_STATUS in address state")
        configure(1)
        let_go()
        check(bytes(control(DEVICE_IN, GET_CONFIGURATION, 0, 0, 1)) == b"\1", "GET_CONFIGURATION after 1")


def strings():
    """strings and BOS"""
    languages = descriptor(STRING, length=255)
    check(languages[:2] == bytes([len(languages), STRING]) and len(languages) >= 4, f"languages {languages}")
    language = languages[2] | languages[3] << 8
    texts = []
    for index in state["device"][14:17]:
        text = descriptor(STRING, index, language, 255)
        check(text[0] == len(text) and text[1] == STRING and len(text) % 2 == 0, f"string {index}")
        check(descriptor(STRING, index, language, 2) == text[:2], f"string {index}, 2 bytes")
        texts.append(text[2:].decode("utf-16le"))
    bos = descriptor(BOS, length=5)
    total = bos[2] | bos[3] << 8
    bos = descriptor(BOS, length=total)
    check(len(bos) == total and len(walk(bos)) == 1 + bos[4], "BOS: bNumDeviceCaps")
    return ", ".join(texts)


def repeated():
    """9.16 enumerated again and again, always the same"""
    for _ in range(20):
        usb.util.dispose_resources(state["usb"])
        state["usb"].reset()
        check(descriptor(DEVICE, length=18) == state["device"], "device descriptor")
        check(descriptor(CONFIGURATION) == state["configuration"], "configuration descriptor")
    usb.util.dispose_resources(state["usb"])


def usable():
    """the card comes back, and the page"""
    configure(0)
    configure(1)
    board.name = wait_for("the card", board.card_find)
    board.lease()
    check(b"<html" in board.get("/"), "no page")


TESTS = [begin, device_descriptor, configuration_descriptor, association_descriptor, interface_descriptors,
         endpoint_descriptors, halt_each, invalid_requests, status_and_wakeup, set_configuration, strings, repeated,
         usable]
