"""What the board and its PC have said: lines with their time, and waiting for one."""
# SPDX-License-Identifier: MIT
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterator, List, Optional, Pattern, Union

if TYPE_CHECKING:
    from .board import Board

SHOWN = 12  # lines in an error's text


@dataclass(frozen=True)
class Line:
    """One line. `source`: "pc", "board", "trace", or the serial port's name, whose prefix `text` has no more."""
    number: int
    s: float
    source: str
    text: str

    def __str__(self) -> str:
        return f"{self.s:11.3f} s  [{self.source}] {self.text}"


class Log:
    """The log of one board. Lines that the program has forgotten since (4,096 are kept) are kept here."""

    def __init__(self, board: "Board"):
        self._board = board
        self._lines: List[Line] = []
        self._next = 0
        self._waited = 0  # index of the first line that no wait has passed

    def _fetch(self) -> None:
        while True:
            answer = self._board.control.ask_json(f"log {self._next}")
            for number, ns, source, text in answer["lines"]:
                if source == "serial" and (match := re.match(r"\[(\w+)\] ?", text)):
                    source, text = match[1], text[match.end():]
                self._lines.append(Line(number, ns / 1e9, source, text))
            if not answer["lines"]:
                return
            self._next = answer["next"]

    @property
    def lines(self) -> List[Line]:
        """All lines so far."""
        self._fetch()
        return list(self._lines)

    def __iter__(self) -> Iterator[Line]:
        return iter(self.lines)

    def find(self, pattern: Union[str, Pattern], source: Optional[str] = None) -> List[Line]:
        """All lines so far that contain the text, or match the compiled pattern."""
        return [line for line in self.lines if self._matches(line, pattern, source)]

    def wait(self, pattern: Union[str, Pattern], s: float = 10.0, source: Optional[str] = None) -> Line:
        """The next line with this text (or matching a compiled pattern) behind the one that was waited for last; time
        runs until it comes, at most `s` virtual seconds: then VirtualTimeout."""
        def look() -> Optional[Line]:
            self._fetch()
            while self._waited < len(self._lines):
                line = self._lines[self._waited]
                self._waited += 1
                if self._matches(line, pattern, source):
                    return line
            return None
        shown = pattern if isinstance(pattern, str) else pattern.pattern
        return self._board.wait_for(look, s, f"no line {shown!r} on the log", "log")

    def skip(self) -> None:
        """The next wait looks at what comes from now on."""
        self._fetch()
        self._waited = len(self._lines)

    def last(self, count: int = SHOWN) -> str:
        """The last lines as text, for error messages."""
        return "\n".join(str(line) for line in self.lines[-count:])

    @staticmethod
    def _matches(line: Line, pattern: Union[str, Pattern], source: Optional[str]) -> bool:
        if source is not None and line.source != source:
            return False
        return pattern in line.text if isinstance(pattern, str) else pattern.search(line.text) is not None
