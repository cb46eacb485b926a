"""NDJSON of any length: lines are judged and published as they arrive, a window at a time, and nothing of it is kept.

What is in memory is one window and the line being read; the answer counts everything and lists only the first of what it lists. When
Kafka is slow the next bytes are not read, so the client waits; when it stays away, the answer says up to which event all is stored.
"""

from collections import deque
from collections.abc import Sequence
from typing import Any

from services.ingest.reading import PIECE_BYTES, Body
from shared.web.problems import Problem
from shared.web.requests import BodyTooLarge

WINDOW_EVENTS = 200
WINDOW_BYTES = 128 * 1024
LISTED = 1000
"""How many duplicates and how many rejected events an answer lists."""


class Lines:
    """The lines of a body, without the empty ones. One longer than `max_line_bytes` comes cut to a byte more than that."""

    def __init__(self, begun: bytes, body: Body, max_line_bytes: int, max_bytes: int) -> None:
        self._begun = begun
        self._at = 0
        self._body = body
        self._max_line_bytes = max_line_bytes
        self._max_bytes = max_bytes
        self._read = 0
        self._ready: deque[bytes] = deque()
        self._line: list[bytes] = []
        self._line_bytes = 0
        self._ended = False

    async def window(self) -> list[bytes]:
        """The next lines, as many as fit into a window; none at the end. Raises Problem as Body does, and 413 beyond `max_bytes`."""
        lines: list[bytes] = []
        size = 0
        while len(lines) < WINDOW_EVENTS and size < WINDOW_BYTES:
            while not self._ready and not self._ended:
                await self._read_on()
            if not self._ready:
                break
            lines.append(self._ready.popleft())
            size += len(lines[-1])
        return lines

    async def _read_on(self) -> None:
        piece = await self._piece()
        if piece is None:
            self._ended = True
            self._end_line(b"")
            return
        self._read += len(piece)
        if self._read > self._max_bytes:
            raise BodyTooLarge(self._max_bytes)
        *ended, begun = piece.split(b"\n")
        for line in ended:
            self._end_line(line)
        self._add(begun)

    async def _piece(self) -> bytes | None:
        if self._at < len(self._begun):
            self._at += PIECE_BYTES
            return self._begun[self._at - PIECE_BYTES : self._at]
        if self._begun:
            self._begun = b""
            self._body.close()
        return await self._body.next()

    def _add(self, part: bytes) -> None:
        room = self._max_line_bytes + 1 - self._line_bytes
        if part and room > 0:
            self._line.append(part[:room])
            self._line_bytes += min(len(part), room)

    def _end_line(self, part: bytes) -> None:
        self._add(part)
        line = b"".join(self._line).strip()
        self._line, self._line_bytes = [], 0
        if line:
            self._ready.append(line)


class Account:
    """What became of a stream's events: everything is counted, the first of duplicates and rejected ones are listed."""

    def __init__(self) -> None:
        self.events = 0
        self.accepted = 0
        self.duplicate_count = 0
        self.duplicates: list[int] = []
        self.rejected_count = 0
        self.rejected: list[Any] = []
        self.forbidden = 0

    def add_duplicates(self, places: Sequence[int]) -> None:
        """These were acknowledged before."""
        self.duplicate_count += len(places)
        self.duplicates += places[: max(0, LISTED - len(self.duplicates))]

    def add_rejected(self, rejected: Sequence[Any], forbidden: int) -> None:
        """These were not taken, so many of them for want of a right."""
        self.rejected_count += len(rejected)
        self.forbidden += forbidden
        self.rejected += rejected[: max(0, LISTED - len(self.rejected))]

    def body(self) -> dict[str, Any]:
        """The members of the answer."""
        return {
            "accepted": self.accepted,
            "duplicates": self.duplicates,
            "rejected": self.rejected,
            "events": self.events,
            "duplicate_count": self.duplicate_count,
            "rejected_count": self.rejected_count,
        }

    def cut_short(self, problem: Problem) -> Problem:
        """A problem that ended the stream, with what had become of it by then."""
        problem.more.update({**self.body(), "stored_before": self.events})
        return problem
