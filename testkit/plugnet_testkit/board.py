"""A virtual board under test: a process of its own, driven over its control socket."""
# SPDX-License-Identifier: MIT
import contextlib
import os
import shutil
import subprocess
import tempfile
import uuid
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, TypeVar, Union

from .control import BoardDied, Control, VirtualTimeout
from .elf import Elf, Symbol
from .log import Log
from .net import Http, TcpSocket, UdpSocket, forward_parse
from .stream import Stream
from .usb import Console, Usb

STATES = ("unplugged", "attached", "configured", "link", "leased")
SLICE_MS = 1000  # the most that one command lets pass, so that the wall-clock guard hears from the program
SOCKET_SLICE_MS = 50  # the same while a socket is waited for
BYTES_MAX = 2048  # of one peek or poke
END_S = 10.0
T = TypeVar("T")


def program_find() -> str:
    """The program vboard: PLUGNET_VBOARD, or on PATH, or in the build of the tree that this kit lies in."""
    given = os.environ.get("PLUGNET_VBOARD")
    if given:
        return given
    found = shutil.which("vboard")
    tree = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    beside = os.path.join(tree, "build", "vboard", "vboard")
    if not found and not os.access(beside, os.X_OK):
        raise BoardDied("no program vboard: set PLUGNET_VBOARD, or `make vboard`")
    return found or beside


class Pin:
    """One pin of the chip (Board.pin)."""

    def __init__(self, board: "Board", name: str):
        self._board, self.name = board, name

    @property
    def level(self) -> bool:
        """What is on it, whoever drives it."""
        return self._board.control.ask(f"pin {self.name}") == "1"

    def drive(self, high: bool) -> None:
        """Drive it from outside."""
        self._board.control.ask(f"pin {self.name} {int(high)}")

    def release(self) -> None:
        """Drive it no more: pull-up, pull-down or the chip's output decide."""
        self._board.control.ask(f"pin {self.name} float")

    def wait(self, high: bool, s: float = 10.0) -> None:
        """Let time run until the pin is at this level when a millisecond ends."""
        self._board.run_until(lambda: self.level == bool(high), s, f"{self.name} isn't {int(high)}")


class Leds:
    """The board's LEDs by name or number (Board.leds)."""

    def __init__(self, board: "Board"):
        self._board = board
        self.names: List[str] = board.info["leds"]

    def __getitem__(self, led: Union[int, str]) -> bool:
        number = self.names.index(led) if isinstance(led, str) else led
        return bool(int(self._board.control.ask("leds")) >> number & 1)

    def lit(self) -> List[str]:
        """Names of those that are lit."""
        bits = int(self._board.control.ask("leds"))
        return [name for i, name in enumerate(self.names) if bits >> i & 1]

    def wait(self, led: Union[int, str], on: bool = True, s: float = 10.0) -> None:
        """Let time run until this LED is lit, or dark."""
        self._board.wait_for(lambda: self[led] == on or None, s, f"LED {led} isn't {'on' if on else 'off'}", "leds")


class Serial(Stream):
    """A serial port, both ways (Board.serial). Of what the chip has sent 65,536 bytes are kept for who is late."""

    def __init__(self, board: "Board", port: str):
        super().__init__(board, port, "serial")
        self.port = port
        self._next = 0

    def send(self, data: bytes, s: float = 10.0) -> None:
        """Bytes to the chip's receiver; time runs while 255 of them wait to be shifted in."""
        left = data

        def look() -> Optional[bool]:
            nonlocal left
            left = left[int(self._board.control.ask(f"serial-send {self.port} {left[:BYTES_MAX].hex()}")):]
            return None if left else True
        if left:
            self._board.wait_for(look, s, f"{self.port} takes no more")

    def _fetch(self) -> None:
        while True:
            answer = self._board.control.ask_json(f"serial-read {self.port} {self._next}")
            if not answer["hex"]:
                return
            self._next = answer["next"]
            self._unread += bytes.fromhex(answer["hex"])


def coverage_file(image: Optional[str]) -> Optional[str]:
    """A new name in the folder that PLUGNET_COVERAGE names, if it does: IMAGE-NUMBER.run."""
    folder = os.environ.get("PLUGNET_COVERAGE")
    if not folder or not image:
        return None
    os.makedirs(folder, exist_ok=True)
    stem = os.path.splitext(os.path.basename(image))[0]
    return os.path.join(folder, f"{stem}-{uuid.uuid4().hex[:16]}.run")


class Board:
    """One virtual board with its PC. A context manager: the process ends with it, and with the test's own process."""

    def __init__(self, image: Optional[str] = None, *, board: str = "stm32f4discovery",
                 forwards: Sequence[Union[int, str]] = (), flash: Optional[str] = None, pcap: Optional[str] = None,
                 coverage: Optional[str] = None, uid: Optional[str] = None, boot0: bool = False,
                 pace: str = "stopped", wall_s: float = 60.0, program: Optional[str] = None,
                 options: Sequence[str] = ()):
        """Start the program with this image, powered, its cable plugged, at time 0.

        forwards   ports of the board that this process may reach: 80, "udp:7"
        flash      file that keeps the flash (then `image` may be left out)
        pcap       file for a trace of frames and USB
        coverage   file for what was executed (docs/testkit.md, "Coverage"); else PLUGNET_COVERAGE names a folder for it
        pace       "stopped": time runs while a call waits; "real", "fast": by itself
        wall_s     real seconds after which a silent program is taken for dead
        options    further options of vboard
        """
        self.image = image
        coverage = coverage or coverage_file(image)
        self._forwards = [forward_parse(forward) for forward in forwards]
        self._folder = tempfile.mkdtemp(prefix="plugnet-")
        self._output = os.path.join(self._folder, "output")
        self._elf: Optional[Elf] = None
        path = os.path.join(self._folder, "control")
        words = [program or program_find(), "--board", board, "--control", path, "--stopped"]
        for port, udp in self._forwards:
            words += ["--forward", f"{'udp:' if udp else ''}0:{port}"]
        for option, value in (("--flash", flash), ("--pcap", pcap), ("--coverage", coverage), ("--uid", uid)):
            words += [option, value] if value else []
        words += ["--boot0"] if boot0 else []
        words += [*options, *([image] if image else [])]
        try:
            with open(self._output, "wb") as output:
                self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=output,
                                                 stderr=subprocess.STDOUT)
        except OSError as error:
            shutil.rmtree(self._folder)
            raise BoardDied(f"{words[0]}: {error.strerror}") from None
        try:
            self.control = Control(path, wall_s, self._process)
            self.control.ask("hold")
            self.info: Dict[str, Any] = self.control.ask_json("board")
            if pace != "stopped":
                self.pace = pace
        except BoardDied as error:
            text = f"{error}\n{self._said()}"
            self._end()
            raise BoardDied(text) from None
        self.log = Log(self)
        self.leds = Leds(self)
        self.http = Http(self)
        self.usb = Usb(self)
        self.consoles: List[Console] = []  # open ones: they read whenever time has run

    # ---- Life ----

    def _said(self) -> str:
        with open(self._output, encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-12:])

    def _end(self) -> int:
        if self._process.poll() is None:
            self._process.terminate()
        try:
            code = self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
        return code

    def close(self) -> int:
        """End the program; its files (flash, pcap, coverage) are complete then. Returns its exit code."""
        if hasattr(self, "control"):
            try:
                self.control.ask("quit")
            except BoardDied:
                pass
            self.control.close()
            try:
                self._process.wait(END_S)
            except subprocess.TimeoutExpired:
                pass
        return self._end()

    def __enter__(self) -> "Board":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- Time ----

    @property
    def now(self) -> float:
        """The board's time, seconds since power-on."""
        return int(self.control.ask("time")) / 1e9

    @property
    def pace(self) -> str:
        """How time goes by on its own: "stopped", "real" or "fast"."""
        return self.control.ask("pace")

    @pace.setter
    def pace(self, pace: str) -> None:
        self.control.ask(f"pace {pace}")

    @contextlib.contextmanager
    def running(self, pace: str = "real") -> Iterator["Board"]:
        """Time runs by itself inside of `with`: for sockets and programs that the kit doesn't know."""
        before = self.pace
        self.pace = pace
        try:
            yield self
        finally:
            self.pace = before

    def _run(self, ms: int, event: str = "") -> str:
        if not self.consoles:
            return self.control.ask_json(f"run {ms} {event}".rstrip())["ended"]
        words = event if event == "usb" else f"{event} usb".lstrip()
        end_ns = int(self.control.ask("time")) + ms * 1000000
        while True:
            answer = self.control.ask_json(f"run {ms} {words}")
            for console in list(self.consoles):
                console.pump()
            ms = (end_ns - answer["ns"]) // 1000000
            if answer["ended"] != "usb" or event == "usb" or ms <= 0:
                return answer["ended"]

    def run_for(self, s: float) -> None:
        """Let time run so long, to the millisecond."""
        ms = round(s * 1000)
        while ms > 0:
            self._run(min(ms, SLICE_MS))
            ms -= SLICE_MS

    def wait_for(self, look: Callable[[], Optional[T]], s: float, why: str, event: str = "",
                 arrive: Optional[Callable[[], None]] = None) -> T:
        """Let time run until look() returns something that isn't None, and return it.

        Asked now, and whenever `event` ("log", "state", "socket", "serial", "leds", "usb") happens; "": each
        millisecond.
        After `s` virtual seconds: VirtualTimeout with `why` and the last log lines.
        """
        end_ns = int(self.control.ask("time")) + round(s * 1e9)
        slice_ms = {"": 1, "socket": SOCKET_SLICE_MS}.get(event, SLICE_MS)
        while (found := look()) is None:
            left_ms = -(-(end_ns - int(self.control.ask("time"))) // 1000000)
            if left_ms <= 0:
                raise VirtualTimeout(f"{why} for {s:g} s, until {self.now:.3f} s. The log's end:\n{self.log.last()}")
            ended = self._run(min(left_ms, slice_ms), event)
            if ended == event and arrive is not None:
                arrive()
        return found

    def run_until(self, condition: Callable[[], bool], s: float = 10.0, why: str = "the condition isn't true") -> None:
        """Let time run until the condition is true, asked after each millisecond."""
        self.wait_for(lambda: True if condition() else None, s, why)

    # ---- USB ----

    @property
    def state(self) -> str:
        """How far the PC is: "unplugged", "attached", "configured", "link" or "leased"."""
        return self.control.ask("state")

    def wait_state(self, state: str = "leased", s: float = 10.0) -> None:
        """Let time run until the PC is so far."""
        if state not in STATES:
            raise ValueError(f"a state is one of {', '.join(STATES)}")
        self.wait_for(lambda: self.state == state or None, s, f"not {state}", "state")

    def unplug(self) -> None:
        """Pull the cable."""
        self.control.ask("unplug")

    def plug(self) -> None:
        """Put it in."""
        self.control.ask("plug")

    def replug(self) -> None:
        """Pull it, and put it in again after 100 ms."""
        self.control.ask("replug")

    def suspend(self) -> None:
        """The PC goes to sleep."""
        self.control.ask("suspend")

    def resume(self) -> None:
        """… and wakes."""
        self.control.ask("resume")

    def bus_reset(self) -> None:
        """A bus reset; the PC enumerates again."""
        self.control.ask("bus-reset")

    def stop_in(self, s: float) -> None:
        """The PC asks for no bulk IN so long, at most an hour."""
        self.control.ask(f"stop-in {round(s * 1000)}")

    def console(self, number: int = 0) -> Console:
        """A CDC-ACM port of the device, the first or another one: `open()` it."""
        return Console(self, number)

    def counters(self) -> Dict[str, int]:
        """Counts of bus and NCM, and when the board was attached, configured, up and leased."""
        return self.control.ask_json("counters")

    def addresses(self) -> List[str]:
        """IPv4 addresses of the board and of the PC."""
        return self.control.ask("address").split()

    # ---- Hands and eyes ----

    def button(self, pressed: bool, number: int = 0) -> None:
        """Press and hold a button, or let it go."""
        self.control.ask(f"button {number} {int(pressed)}")

    def reset(self) -> None:
        """The reset key."""
        self.control.ask("reset")

    def power(self, on: bool) -> None:
        """The board's supply."""
        self.control.ask(f"power {int(on)}")

    def power_cut(self, s: float = 0.1) -> None:
        """Cut power for so long."""
        self.power(False)
        self.run_for(s)
        self.power(True)

    def power_cut_after(self, operations: int) -> None:
        """Power goes after so many more operations of the flash, and stays away; 0: it doesn't."""
        self.control.ask(f"power-cut-after {operations}")

    def flash_operations(self) -> int:
        """Operations of the flash so far: sectors erased, units programmed."""
        return int(self.control.ask("flash-operations"))

    def pin(self, name: str) -> Pin:
        """A pin of the chip: "PA0"."""
        return Pin(self, name)

    def serial(self, port: str = "usart2") -> Serial:
        """A serial port of the chip."""
        return Serial(self, port)

    def stats(self) -> Dict[str, Any]:
        """What the processor did: instructions, cycles, resets, registers that are not modelled, …"""
        return self.control.ask_json("stats")

    # ---- Memory ----

    @property
    def elf(self) -> Elf:
        """The image's symbols."""
        if self._elf is None:
            if self.image is None:
                raise ValueError("no image given: no symbols")
            self._elf = Elf(self.image)
        return self._elf

    def _place(self, where: Union[int, str, Symbol], offset: int) -> int:
        symbol = self.elf.symbol(where) if isinstance(where, str) else where
        return (symbol.address if isinstance(symbol, Symbol) else symbol) + offset

    def peek(self, where: Union[int, str, Symbol], length: Optional[int] = None, offset: int = 0) -> bytes:
        """Memory by a symbol's name or an address; `length` left out: the whole symbol. Peripherals' registers, too."""
        if length is None:
            if isinstance(where, int):
                raise ValueError("an address needs a length")
            length = (self.elf.symbol(where) if isinstance(where, str) else where).size - offset
        address, data = self._place(where, offset), b""
        while len(data) < length:
            part = min(length - len(data), BYTES_MAX)
            data += bytes.fromhex(self.control.ask(f"peek {address + len(data):#x} {part}"))
        return data

    def poke(self, where: Union[int, str, Symbol], data: bytes, offset: int = 0) -> None:
        """Write memory, by a symbol's name or an address."""
        address = self._place(where, offset)
        for at in range(0, len(data), BYTES_MAX):
            self.control.ask(f"poke {address + at:#x} {data[at:at + BYTES_MAX].hex()}")

    def peek_int(self, where: Union[int, str, Symbol], size: int = 4, offset: int = 0) -> int:
        """An unsigned number there, little-endian."""
        return int.from_bytes(self.peek(where, size, offset), "little")

    def poke_int(self, where: Union[int, str, Symbol], value: int, size: int = 4, offset: int = 0) -> None:
        """Write an unsigned number, little-endian."""
        self.poke(where, value.to_bytes(size, "little"), offset)

    # ---- Network ----

    def local_port(self, port: int, udp: bool = False) -> int:
        """The port of this machine that leads to the board's; it must be one of `forwards`."""
        if (port, udp) not in self._forwards:
            kind = "udp:" if udp else ""
            raise ValueError(f"port {port} isn't reached: start the board with forwards=[{kind!r} …{port}]")
        return int(self.control.ask(f"port {self._forwards.index((port, udp))}"))

    def http_on(self, port: int) -> Http:
        """HTTP on another port than 80."""
        return Http(self, port)

    def tcp(self, port: int, s: float = 10.0) -> TcpSocket:
        """A TCP connection to a port of the board; each wait takes at most `s` virtual seconds."""
        return TcpSocket(self, port, s)

    def udp(self, port: int, s: float = 10.0) -> UdpSocket:
        """A UDP socket that leads to a port of the board."""
        return UdpSocket(self, port, s)
