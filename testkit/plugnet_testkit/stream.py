"""Bytes that a port of the board sends, read as they come: what a serial port and a console over USB share."""
# SPDX-License-Identifier: MIT
import re
from typing import TYPE_CHECKING, Optional, Pattern, Union

if TYPE_CHECKING:
    from .board import Board


class Stream:
    """What has come and wasn't read, and waiting for more. Who inherits says how bytes are fetched."""

    def __init__(self, board: "Board", name: str, event: str):
        self._board, self._name, self._event = board, name, event
        self._unread = b""

    def _fetch(self) -> None:
        """Append what has come to _unread; no time passes."""
        raise NotImplementedError

    def _check(self) -> None:
        """Raise if nothing more can come."""

    def read(self) -> bytes:
        """What the board has sent since the last read, perhaps nothing; no time passes."""
        self._fetch()
        data, self._unread = self._unread, b""
        return data

    def wait(self, wanted: Union[bytes, Pattern[bytes]], s: float = 10.0) -> bytes:
        """Everything up to and with these bytes, or what a compiled pattern matches; time runs until they come."""
        pattern = re.compile(re.escape(wanted)) if isinstance(wanted, bytes) else wanted

        def look() -> Optional[bytes]:
            self._fetch()
            match = pattern.search(self._unread)
            if match is None:
                self._check()
                return None
            data, self._unread = self._unread[:match.end()], self._unread[match.end():]
            return data
        return self._board.wait_for(look, s, f"{self._name} doesn't send {pattern.pattern!r}", self._event)

    def line(self, s: float = 10.0) -> str:
        """The next line, without its end."""
        return self.wait(b"\n", s).decode(errors="replace").rstrip("\r\n")
