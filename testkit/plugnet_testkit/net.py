"""Sockets and HTTP towards the board, in virtual time: a call lets time run until there is something to read."""
# SPDX-License-Identifier: MIT
import http.client
import io
import json
import select
import socket
from typing import TYPE_CHECKING, Any, Dict, Optional, Tuple, Union

if TYPE_CHECKING:
    from .board import Board

BUFFER = 65536  # bytes each way in the system: it would take megabytes, and sending would mean nothing
ARRIVE_S = 0.02  # real: what the program has given to the system is there by then, or was for somebody else


class _Raw(io.RawIOBase):
    """A TcpSocket as a file, for http.client."""

    def __init__(self, connection: "TcpSocket"):
        super().__init__()
        self._connection = connection

    def close(self) -> None:
        if not self.closed:
            self._connection.file_closed()
        super().close()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._connection.recv(len(buffer))
        buffer[:len(data)] = data
        return len(data)


class _VirtualSocket:
    """What TCP and UDP share: a system socket that never blocks, and the board's time."""

    def __init__(self, board: "Board", kind: int, port: int, s: float):
        self._board = board
        self._port = port
        self.s = s
        self.socket = socket.socket(socket.AF_INET, kind)
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            self.socket.setsockopt(socket.SOL_SOCKET, option, BUFFER)
        self.socket.connect(("127.0.0.1", board.local_port(port, kind == socket.SOCK_DGRAM)))
        self.socket.setblocking(False)

    def _wait(self, attempt, what: str, s: Optional[float]):
        """Repeat the attempt until it doesn't block, letting time run in between."""
        def look():
            try:
                return (attempt(),)
            except BlockingIOError:
                return None
        limit = self.s if s is None else s
        return self._board.wait_for(look, limit, f"port {self._port}: {what}", "socket", self._arrive)[0]

    def _arrive(self) -> None:
        select.select([self.socket], [], [], ARRIVE_S)

    def close(self) -> None:
        """Close the socket; the board hears of it when time runs."""
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class TcpSocket(_VirtualSocket):
    """A TCP connection to a port of the board (Board.tcp)."""

    def __init__(self, board: "Board", port: int, s: float = 10.0):
        super().__init__(board, socket.SOCK_STREAM, port, s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._unread = b""
        self._files = 0  # made and still open: the socket outlives close() for them, as a system's does
        self._closing = False

    def close(self) -> None:
        self._closing = True
        if not self._files:
            super().close()

    def file_closed(self) -> None:
        """A file of makefile() is closed."""
        self._files -= 1
        if self._closing:
            self.close()

    def sendall(self, data: bytes) -> None:
        """Send it all; time runs while the board has no room."""
        view = memoryview(data)
        while view:
            sent = self._wait(lambda: self.socket.send(view), "the board takes no more", None)
            view = view[sent:]

    def recv(self, size: int = 65536, s: Optional[float] = None) -> bytes:
        """What comes next, at most `size` bytes; b"": the board has ended its side."""
        if self._unread:
            data, self._unread = self._unread[:size], self._unread[size:]
            return data
        return self._wait(lambda: self.socket.recv(size), "nothing comes", s)

    def recv_exactly(self, size: int) -> bytes:
        """So many bytes; EOFError if the board ends before."""
        data = b""
        while len(data) < size:
            chunk = self.recv(size - len(data))
            if not chunk:
                raise EOFError(f"the board ended after {len(data)} of {size} bytes")
            data += chunk
        return data

    def recv_until(self, end: bytes) -> bytes:
        """Everything up to and with `end`; what follows waits for the next call."""
        data = b""
        while end not in data:
            chunk = self.recv()
            if not chunk:
                raise EOFError(f"the board ended before {end!r}: {data[-80:]!r}")
            data += chunk
        at = data.index(end) + len(end)
        self._unread = data[at:] + self._unread
        return data[:at]

    def recv_all(self) -> bytes:
        """Everything until the board ends its side."""
        data = b""
        while chunk := self.recv():
            data += chunk
        return data

    def shutdown(self) -> None:
        """End our side; the other one goes on."""
        self.socket.shutdown(socket.SHUT_WR)

    def makefile(self, *_: object, **__: object) -> io.BufferedReader:
        """As of a socket, for reading."""
        self._files += 1
        return io.BufferedReader(_Raw(self))


class UdpSocket(_VirtualSocket):
    """A UDP socket that leads to a port of the board (Board.udp)."""

    def __init__(self, board: "Board", port: int, s: float = 10.0):
        super().__init__(board, socket.SOCK_DGRAM, port, s)

    def send(self, data: bytes) -> None:
        """Send one datagram; it goes out when time runs."""
        self.socket.send(data)

    def recv(self, s: Optional[float] = None) -> bytes:
        """The next datagram from the board."""
        return self._wait(lambda: self.socket.recv(65536), "no datagram comes", s)

    def ask(self, data: bytes, s: Optional[float] = None) -> bytes:
        """Send one, return the next that comes."""
        self.send(data)
        return self.recv(s)


class Answer:
    """An HTTP answer: status, headers, body."""

    def __init__(self, status: int, headers: http.client.HTTPMessage, body: bytes):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self) -> str:
        """The body as UTF-8."""
        return self.body.decode()

    def json(self) -> Any:
        """The body as JSON. ValueError: it is none, and what came instead."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise ValueError(f"no JSON in {self!r}, which begins {self.body[:80]!r}: {error}") from None

    def __repr__(self) -> str:
        return f"<Answer {self.status}, {len(self.body)} bytes>"


class _Connection(http.client.HTTPConnection):
    """http.client on a socket of ours."""

    def __init__(self, board: "Board", port: int, s: float):
        super().__init__("localhost")
        self._make = lambda: TcpSocket(board, port, s)

    def connect(self) -> None:
        self.sock = self._make()  # type: ignore[assignment]


class Http:
    """HTTP to one port of the board: a connection for each request, or one that is kept (`connection`)."""

    def __init__(self, board: "Board", port: int = 80):
        self._board, self._port = board, port

    def request(self, method: str, path: str, body: Union[bytes, str, None] = None,
                headers: Optional[Dict[str, str]] = None, s: float = 10.0) -> Answer:
        """One request and its whole answer, each wait for bytes at most `s` virtual seconds."""
        connection = self.connection(s)
        try:
            connection.request(method, path, body, {"Connection": "close", **(headers or {})})
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def connection(self, s: float = 10.0) -> http.client.HTTPConnection:
        """The standard library's connection, on virtual time: for streams, and for several requests on one."""
        return _Connection(self._board, self._port, s)

    def get(self, path: str, **options: Any) -> Answer:
        """GET; options as of request()."""
        return self.request("GET", path, **options)

    def post(self, path: str, body: Union[bytes, str] = b"", **options: Any) -> Answer:
        """POST."""
        return self.request("POST", path, body, **options)

    def put(self, path: str, body: Union[bytes, str], **options: Any) -> Answer:
        """PUT."""
        return self.request("PUT", path, body, **options)

    def delete(self, path: str, **options: Any) -> Answer:
        """DELETE."""
        return self.request("DELETE", path, **options)


def forward_parse(forward: Union[int, str]) -> Tuple[int, bool]:
    """80 or "80" and "udp:7" as (port of the board, whether UDP)."""
    text = str(forward)
    udp = text.startswith("udp:")
    return int(text[4:] if udp else text), udp
