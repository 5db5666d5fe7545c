"""The control socket's client side: one line out, one line back (docs/control.md)."""
# SPDX-License-Identifier: MIT
import json
import socket
import subprocess
import time
from typing import Any, Optional

PROTOCOL = 1
START_POLL_S = 0.005


class CommandError(Exception):
    """The program has answered "error: …"."""


class BoardDied(Exception):
    """The program has ended, or is silent for longer than the wall-clock guard allows."""


class VirtualTimeout(TimeoutError):
    """What was waited for didn't come in so much of the board's time."""


class Control:
    """A connection to the control socket of a running program."""

    def __init__(self, path: str, wall_s: float = 60.0, process: Optional[subprocess.Popen] = None):
        """Connect to the socket at `path`, as soon as it is there; `wall_s`: the longest silence, real seconds."""
        self.wall_s = wall_s
        self._process = process
        self._socket = self._connect(path)
        self._unread = b""
        self.hello: dict = self.ask_json("hello")
        if self.hello["protocol"] != PROTOCOL:
            raise BoardDied(f"{self.hello['program']} speaks protocol {self.hello['protocol']}, this kit {PROTOCOL}")

    def _connect(self, path: str) -> socket.socket:
        end = time.monotonic() + self.wall_s
        while True:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                connection.connect(path)
                connection.settimeout(self.wall_s)
                return connection
            except OSError as error:
                connection.close()
                if self._process is not None and self._process.poll() is not None:
                    raise BoardDied(f"the program ended at once, exit code {self._process.returncode}") from None
                if time.monotonic() > end:
                    raise BoardDied(f"no control socket at {path} after {self.wall_s:g} s: {error}") from None
                time.sleep(START_POLL_S)

    def ask(self, line: str) -> str:
        """Send a command, return its answer. Raises CommandError, or BoardDied when nobody answers."""
        try:
            self._socket.sendall(line.encode() + b"\n")
            while b"\n" not in self._unread:
                chunk = self._socket.recv(65536)
                if not chunk:
                    raise BoardDied(f"the program ended while it was asked to {line.split()[0]}")
                self._unread += chunk
        except socket.timeout:
            raise BoardDied(f"{line!r} has no answer after {self.wall_s:g} s of real time") from None
        except OSError as error:
            raise BoardDied(f"the program is gone: {error}") from None
        answer, self._unread = self._unread.split(b"\n", 1)
        text = answer.decode(errors="replace")
        if text.startswith("error: "):
            raise CommandError(f"{line.split(' ')[0]}: {text[7:]}")
        return text

    def ask_json(self, line: str) -> Any:
        """The same for an answer in JSON."""
        return json.loads(self.ask(line))

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()
