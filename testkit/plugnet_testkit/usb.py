"""The device's USB functions that the PC has no driver for: the test is the driver, in virtual time, beside the network."""
# SPDX-License-Identifier: MIT
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Dict, List, Optional, Tuple, Union

from .control import CommandError, VirtualTimeout
from .stream import Stream

if TYPE_CHECKING:
    from .board import Board

BYTES_MAX = 2048  # of one transfer of the control socket
CONTROL_S = 6.0  # the program gives a request up after 5
READS = 2  # that a console keeps under way
TYPES = ("control", "isochronous", "bulk", "interrupt")
DT_INTERFACE, DT_ENDPOINT, DT_ASSOCIATION, DT_CS_INTERFACE = 4, 5, 11, 0x24
CDC, ACM, CDC_DATA = 2, 2, 10
SUBTYPE_ACM, SUBTYPE_UNION = 2, 6
ACM_BREAK = 4  # of bmCapabilities


class UsbError(Exception):
    """A transfer that failed. `status`: "stall", "halted", "no answer", "overflow", "timeout", "cancelled" (the device has
    gone), or why it wasn't begun: "not configured", "suspended", … `data`: what had come of a read."""

    def __init__(self, what: str, status: str, data: bytes = b""):
        super().__init__(f"{what}: {status}")
        self.status, self.data = status, data


@dataclass(frozen=True)
class Endpoint:
    """An endpoint descriptor. `address` is bEndpointAddress, `type` "bulk", "interrupt", "isochronous" or "control"."""
    address: int
    type: str
    max_packet: int
    interval: int

    @property
    def is_in(self) -> bool:
        """Towards the PC."""
        return self.address & 0x80 != 0


class Interface:
    """One setting of an interface. `extra`: its class-specific descriptors as they are."""

    def __init__(self, usb: "Usb", descriptor: bytes):
        self._usb = usb
        self.number, self.alternate = descriptor[2], descriptor[3]
        self.cls, self.subclass, self.protocol, self._string = descriptor[5:9]
        self.endpoints: List[Endpoint] = []
        self.extra = b""

    @property
    def name(self) -> str:
        """Its string; "": none. Asked for once, which takes some milliseconds of the board's time."""
        return self._usb.string(self._string) if self._string else ""

    def _first(self, is_in: bool) -> Endpoint:
        for endpoint in self.endpoints:
            if endpoint.is_in == is_in:
                return endpoint
        raise LookupError(f"{self!r} has no {'IN' if is_in else 'OUT'} endpoint")

    @property
    def endpoint_in(self) -> Endpoint:
        """Its first IN endpoint."""
        return self._first(True)

    @property
    def endpoint_out(self) -> Endpoint:
        """Its first OUT endpoint."""
        return self._first(False)

    def __repr__(self) -> str:
        return (f"<Interface {self.number}.{self.alternate}, class {self.cls:#04x} {self.subclass:#04x} {self.protocol:#04x}, "
                f"endpoints {', '.join(f'{endpoint.address:#04x}' for endpoint in self.endpoints) or 'none'}>")


@dataclass(frozen=True)
class Device:
    """The device descriptor; `raw` is all of it."""
    vendor_id: int
    product_id: int
    release_bcd: int
    usb_bcd: int
    cls: int
    subclass: int
    protocol: int
    raw: bytes


@dataclass(frozen=True)
class _Result:
    status: str
    data: bytes
    actual: int


def _address(endpoint: Union[int, Endpoint]) -> int:
    return endpoint.address if isinstance(endpoint, Endpoint) else endpoint


def _descriptors(data: bytes) -> List[bytes]:
    """One after the other; the program has checked their lengths."""
    found, at = [], 0
    while at + 2 <= len(data) and data[at] >= 2:
        found.append(data[at:at + data[at]])
        at += data[at]
    return found


class Transfer:
    """A read that is under way (Usb.start_read)."""

    def __init__(self, usb: "Usb", number: int, what: str):
        self._usb, self._number, self._what = usb, number, what
        self._result: Optional[_Result] = None

    def look(self) -> Optional[_Result]:
        """What came of it: status and data; None: it is under way."""
        if self._result is None:
            self._result = self._usb.result(self._number)
        return self._result

    @property
    def done(self) -> bool:
        """It has ended."""
        return self.look() is not None

    def wait(self, s: float = 1.0) -> bytes:
        """What it has read; time runs until it ends. After VirtualTimeout it is still under way. UsbError: it failed."""
        result = self._usb.board.wait_for(self.look, s, f"{self._what}: nothing comes", "usb")
        if result.status != "ok":
            raise UsbError(self._what, result.status, result.data)
        return result.data

    def cancel(self) -> bytes:
        """End it, and return what had come."""
        if self.look() is None:
            self._usb.ask(f"usb-cancel {self._number}")
        result = self.look()
        assert result is not None
        return result.data


class Usb:
    """The device as a driver on the PC sees it (Board.usb)."""

    def __init__(self, board: "Board"):
        self.board = board
        self._kept: Dict[int, Tuple[int, bytes]] = {}  # by endpoint: the device's address, and what reads that timed out had
        self._strings: Dict[int, str] = {}
        self._known = b""  # the configuration that _interfaces and _strings are of
        self._interfaces: List[Interface] = []

    # ---- What it is ----

    def ask(self, line: str) -> str:
        """A command of the control socket. UsbError: it is refused."""
        try:
            return self.board.control.ask(line)
        except CommandError as error:
            name, _, status = str(error).partition(": ")
            raise UsbError(name, status) from None

    def _look(self) -> Tuple[int, bytes]:
        """Address and device descriptor; _interfaces are those of the moment."""
        try:
            answer = self.board.control.ask_json("usb-descriptors")
        except CommandError as error:
            raise UsbError("USB", str(error).partition(": ")[2]) from None
        device, configuration = bytes.fromhex(answer["device"]), bytes.fromhex(answer["configuration"])
        if device + configuration != self._known:
            self._known, self._interfaces, self._strings = device + configuration, [], {}
            for d in _descriptors(configuration):
                if d[1] == DT_INTERFACE:
                    self._interfaces.append(Interface(self, d))
                elif d[1] == DT_ENDPOINT:
                    self._interfaces[-1].endpoints.append(
                        Endpoint(d[2], TYPES[d[3] & 3], d[4] | d[5] << 8, d[6]))
                elif d[1] != DT_ASSOCIATION and self._interfaces:
                    self._interfaces[-1].extra += d
        return answer["address"], device

    @property
    def device(self) -> Device:
        """The device descriptor."""
        raw = self._look()[1]
        usb_bcd, cls, subclass, protocol = struct.unpack_from("<HBBB", raw, 2)
        return Device(*struct.unpack_from("<HHH", raw, 8), usb_bcd, cls, subclass, protocol, raw)

    @property
    def interfaces(self) -> List[Interface]:
        """All settings of all interfaces, in the order of the configuration descriptor."""
        self._look()
        return list(self._interfaces)

    def find(self, cls: Optional[int] = None, subclass: Optional[int] = None, protocol: Optional[int] = None,
             name: Optional[str] = None, number: Optional[int] = None) -> Interface:
        """The first one to which all of this applies. LookupError: none, and which there are."""
        interfaces = self.interfaces
        for interface in interfaces:
            wanted = ((cls, interface.cls), (subclass, interface.subclass), (protocol, interface.protocol),
                      (number, interface.number))
            if all(want is None or want == has for want, has in wanted) and (name is None or name == interface.name):
                return interface
        asked = {"cls": cls, "subclass": subclass, "protocol": protocol, "name": name, "number": number}
        text = ", ".join(f"{key}={value!r}" for key, value in asked.items() if value is not None)
        raise LookupError(f"no interface with {text}; there are: {interfaces}")

    def string(self, index: int) -> str:
        """A string descriptor, in the device's first language."""
        self._look()
        if index not in self._strings:
            language = self.control_in(0x80, 6, 0x0300, 0, 255)[2:4]
            data = self.control_in(0x80, 6, 0x0300 | index, int.from_bytes(language, "little"), 255)
            self._strings[index] = data[2:].decode("utf-16-le", errors="replace")
        return self._strings[index]

    # ---- Transfers ----

    def result(self, number: int) -> Optional[_Result]:
        """What came of a transfer; None: it is under way."""
        answer = self.board.control.ask_json(f"usb-result {number}")
        if answer["status"] == "pending":
            return None
        return _Result(answer["status"], bytes.fromhex(answer.get("hex", "")), answer["actual"])

    def _control(self, setup: bytes, data: bytes) -> bytes:
        number = int(self.ask(f"usb-control {setup.hex()} {data.hex()}".rstrip()))
        what = f"request {setup.hex(' ')}"
        result = self.board.wait_for(lambda: self.result(number), CONTROL_S, f"{what} doesn't end", "usb")
        if result.status != "ok":
            raise UsbError(what, result.status, result.data)
        return result.data

    def control_in(self, bmRequestType: int, bRequest: int, wValue: int, wIndex: int, length: int) -> bytes:
        """A request whose data comes from the device: at most `length` bytes."""
        if not bmRequestType & 0x80:
            raise ValueError("bmRequestType of an IN request has bit 7")
        return self._control(struct.pack("<BBHHH", bmRequestType, bRequest, wValue, wIndex, length), b"")

    def control_out(self, bmRequestType: int, bRequest: int, wValue: int, wIndex: int, data: bytes = b"") -> None:
        """A request with data for the device, or none."""
        if bmRequestType & 0x80:
            raise ValueError("bmRequestType of an OUT request hasn't bit 7")
        self._control(struct.pack("<BBHHH", bmRequestType, bRequest, wValue, wIndex, len(data)), data)

    def endpoint(self, endpoint: Union[int, Endpoint]) -> Endpoint:
        """The endpoint of a bEndpointAddress. UsbError: there is none."""
        for interface in self.interfaces:
            for found in interface.endpoints:
                if found.address == _address(endpoint):
                    return found
        raise UsbError(f"endpoint {_address(endpoint):#04x}", "no such endpoint")

    def start_read(self, endpoint: Union[int, Endpoint], length: int = BYTES_MAX) -> Transfer:
        """Begin a read of at most `length` (2,048) bytes, and don't wait: it goes on while time runs. A short packet ends it."""
        number = int(self.ask(f"usb-in {_address(endpoint)} {length}"))
        return Transfer(self, number, f"endpoint {_address(endpoint):#04x}")

    def _pieces(self, endpoint: Union[int, Endpoint]) -> int:
        """Bytes of the largest transfer of whole packets."""
        return BYTES_MAX - BYTES_MAX % self.endpoint(endpoint).max_packet

    def read(self, endpoint: Union[int, Endpoint], length: int = BYTES_MAX, s: float = 1.0) -> bytes:
        """Up to `length` bytes: a short packet ends it. Each 2,048 of them take at most `s` virtual seconds: then VirtualTimeout,
        nobody asks the endpoint any more, and what had come is the beginning of the next read's."""
        where, piece, device = _address(endpoint), self._pieces(endpoint), self._look()[0]
        kept_of, data = self._kept.pop(where, (device, b""))
        data = data if kept_of == device else b""
        while len(data) < length:
            wanted = min(length - len(data), piece)
            transfer = self.start_read(where, wanted)
            try:
                came = transfer.wait(s)
            except VirtualTimeout:
                self._kept[where] = device, data + transfer.cancel()
                raise
            except UsbError as error:
                error.data = data + error.data
                raise
            data += came
            if len(came) < wanted:
                return data
        if len(data) > length:
            self._kept[where] = device, data[length:]
        return data[:length]

    def write(self, endpoint: Union[int, Endpoint], data: bytes, zlp: bool = False, s: float = 1.0) -> None:
        """Write bytes as one message: a short packet ends it, or, with `zlp`, an empty one if there is none. No bytes are an
        empty packet. Each 2,048 bytes take at most `s` virtual seconds: then VirtualTimeout says how many were taken, and
        the rest isn't sent."""
        where, piece, sent = _address(endpoint), self._pieces(endpoint), 0
        what = f"endpoint {where:#04x}"
        while True:
            part = data[sent:sent + piece]
            last = sent + len(part) == len(data)
            words = f"usb-out {where} {part.hex()}{' zlp' if last and zlp else ''}" if part else f"usb-out {where}"
            number = int(self.ask(words))
            try:
                result = self.board.wait_for(lambda: self.result(number), s, f"{what} takes nothing", "usb")
            except VirtualTimeout as error:
                self.ask(f"usb-cancel {number}")
                cancelled = self.result(number)
                sent += cancelled.actual if cancelled is not None else 0
                raise VirtualTimeout(f"{sent} of {len(data)} bytes were taken: {error}") from None
            if result.status != "ok":
                raise UsbError(what, result.status)
            sent += len(part)
            if last:
                return

    def clear_halt(self, endpoint: Union[int, Endpoint]) -> None:
        """CLEAR_FEATURE(ENDPOINT_HALT): after a stall. What an unfinished read had is forgotten."""
        self._kept.pop(_address(endpoint), None)
        self.control_out(0x02, 1, 0, _address(endpoint))

    def set_interface(self, number: int, alternate: int = 0) -> None:
        """SET_INTERFACE. What unfinished reads of its endpoints had is forgotten."""
        for interface in self.interfaces:
            for endpoint in interface.endpoints if interface.number == number else ():
                self._kept.pop(endpoint.address, None)
        self.control_out(0x01, 11, alternate, number)


class Console(Stream):
    """A CDC-ACM port, as a terminal program has it (Board.console).

    While it is open, reads are under way whenever time runs by a call of the kit, so nothing is lost that a PC would have got.
    What has come stays readable after close(), and after the device has gone; waiting for more is a UsbError then.
    """

    def __init__(self, board: "Board", number: int = 0):
        super().__init__(board, f"console {number}", "usb")
        self.number = number
        self._reads: List[Transfer] = []
        self._status = "closed"  # why no more comes; "": it is open
        self._control = 0  # number of its control interface
        self._can_break = False
        self._in = self._out = 0

    def _find(self) -> None:
        interfaces = self._board.usb.interfaces
        ports = [i for i in interfaces if (i.cls, i.subclass) == (CDC, ACM)]
        if self.number >= len(ports):
            raise LookupError(f"{self._name}: the device has {len(ports)} CDC-ACM ports; there are: {interfaces}")
        port = ports[self.number]
        extra = {d[2]: d for d in _descriptors(port.extra) if d[1] == DT_CS_INTERFACE and len(d) > 3}
        data = extra[SUBTYPE_UNION][4] if len(extra.get(SUBTYPE_UNION, b"")) > 4 else port.number + 1
        self._control = port.number
        self._can_break = SUBTYPE_ACM in extra and extra[SUBTYPE_ACM][3] & ACM_BREAK != 0
        pipes = self._board.usb.find(cls=CDC_DATA, number=data)
        self._in, self._out = pipes.endpoint_in.address, pipes.endpoint_out.address

    @property
    def is_open(self) -> bool:
        """It is open, and the device is still there."""
        self._fetch()
        return not self._status

    def open(self, dtr: bool = True, rts: bool = True, rate: int = 115200, data_bits: int = 8, parity: str = "N",
             stop_bits: float = 1) -> "Console":
        """Open it: line coding, reads, then DTR and RTS. Usable in `with`."""
        if not self._status or any(other.number == self.number for other in self._board.consoles):
            raise ValueError(f"{self._name} is open already")
        self._find()
        self.set_coding(rate, data_bits, parity, stop_bits)
        self._status = ""
        self._board.consoles.append(self)
        self._start()
        try:
            self.set_lines(dtr, rts)
        except Exception:
            self._end("closed")
            raise
        return self

    def close(self) -> None:
        """Close it: DTR and RTS fall, and nobody reads any more. What had come can still be read."""
        self._fetch()
        if not self._status:
            try:
                self.set_lines(False, False)
            except UsbError:
                pass  # it has gone, or sleeps
            self._end("closed")

    def __enter__(self) -> "Console":
        return self if not self._status else self.open()

    def __exit__(self, *_: object) -> None:
        self.close()

    def set_lines(self, dtr: bool, rts: bool) -> None:
        """SET_CONTROL_LINE_STATE."""
        self._board.usb.control_out(0x21, 0x22, dtr | rts << 1, self._control)

    def set_coding(self, rate: int = 115200, data_bits: int = 8, parity: str = "N", stop_bits: float = 1) -> None:
        """SET_LINE_CODING. `parity`: "N", "O", "E", "M" or "S"; `stop_bits`: 1, 1.5 or 2."""
        coding = struct.pack("<IBBB", rate, (1, 1.5, 2).index(stop_bits), "NOEMS".index(parity), data_bits)
        self._board.usb.control_out(0x21, 0x20, 0, self._control, coding)

    def send_break(self, ms: int = 250) -> None:
        """SEND_BREAK of so many ms. ValueError: the port's descriptor says that it takes none."""
        if not self._can_break:
            raise ValueError(f"{self._name} takes no break")
        self._board.usb.control_out(0x21, 0x23, ms, self._control)

    def send(self, data: bytes, s: float = 10.0) -> None:
        """Bytes to the board; time runs until it has taken them, at most `s` virtual seconds for each 2,048."""
        self._fetch()
        self._check()
        if data:
            self._board.usb.write(self._out, data, s=s)

    # ---- Reads ----

    def _start(self) -> None:
        while not self._status and len(self._reads) < READS:
            try:
                self._reads.append(self._board.usb.start_read(self._in))
            except UsbError as error:
                if error.status == "not configured":
                    self._end(error.status)
                return  # suspended, or too many transfers: later

    def _end(self, status: str) -> None:
        self._status = status
        self._board.consoles.remove(self)
        for transfer in self._reads:
            self._unread += transfer.cancel()
        self._reads = []

    def _fetch(self) -> None:
        while self._reads and (result := self._reads[0].look()) is not None:
            del self._reads[0]
            self._unread += result.data
            if result.status != "ok":
                self._end(result.status)
        self._start()

    def pump(self) -> None:
        """Take what has come, and read on: Board calls it whenever time has run."""
        self._fetch()

    def _check(self) -> None:
        if self._status:
            raise UsbError(self._name, self._status)
