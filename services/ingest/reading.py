"""The body of a request as it arrives: unpacked, and held within limits.

A limit holds for what a body unpacks to, so that a small body cannot become a large one; and all bodies together have a room in memory,
so that many clients cannot do what one may not.
"""

import asyncio
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from backports.zstd import DecompressionParameter, ZstdDecompressor, ZstdError
from starlette.types import Message, Receive

from services.ingest.settings import IngestSettings
from shared.web.problems import RETRY_AFTER_SECONDS, Problem

PIECE_BYTES = 64 * 1024
FREE_BYTES = 64 * 1024
"""What a packed body may always unpack to: a few repeated events pack better than any ratio allows."""
ZSTD_WINDOW_LOG = 23
"""8 MiB, the largest window that a body may need: https://www.rfc-editor.org/rfc/rfc9659#section-3"""
ENCODINGS = "gzip, zstd, identity"

Headers = Mapping[bytes, bytes]


class Room:
    """What the bodies of all requests of a process may take in memory together."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self.held = 0

    def take(self, size: int) -> None:
        """Hold so many bytes more. Raises Problem 503 when there is no room for them."""
        if self.held + size > self._limit:
            text = "too many large requests are being read at the same time; send the same request again later, or send smaller ones"
            raise Problem(503, "busy", text, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})
        self.held += size

    def give_back(self, size: int) -> None:
        """Hold so many bytes less."""
        self.held -= size


class Body:
    """One request's body, in pieces as they arrive; `first` has. Whoever reads it closes it, which gives back its room."""

    def __init__(self, headers: Headers, first: Message, receive: Receive, settings: IngestSettings, room: Room) -> None:
        self._first: Message | None = first
        self._receive = receive
        self._settings = settings
        self._room = room
        self._held = 0
        self._more = True
        self._pieces: Iterator[bytes] | None = None
        self._unpacking = _unpacking(headers, settings.max_decompression_ratio)
        declared = headers.get(b"content-length", b"")
        self.declared = int(declared) if declared.isdigit() else 0
        """The length that the client announces, packed; 0 when it announces none."""

    def close(self) -> None:
        """Give back what was held."""
        self._room.give_back(self._held)
        self._held = 0

    async def upto(self, limit: int) -> tuple[bytes, bool]:
        """The body as far as it fits into `limit` bytes (and a piece), and whether that is all of it. Its room stays held."""
        parts: list[bytes] = []
        size = 0
        while size <= limit:
            piece = await self.next()
            if piece is None:
                return parts[0] if len(parts) == 1 else b"".join(parts), True
            self._room.take(len(piece))
            self._held += len(piece)
            size += len(piece)
            parts.append(piece)
        return b"".join(parts), False

    async def next(self) -> bytes | None:
        """The next piece, None at the end. Raises Problem 400 for what cannot be unpacked, 408 when nothing comes, 413 for a bomb."""
        while True:
            if self._pieces is not None:
                piece = next(self._pieces, None)
                if piece is not None:
                    return piece
                self._pieces = None
            if not self._more:
                if self._unpacking is not None:
                    self._unpacking.end()
                return None
            packed = await self._arriving()
            if self._unpacking is None:
                if packed:
                    return packed
            else:
                self._pieces = self._unpacking.pieces(packed)

    async def _arriving(self) -> bytes:
        """The next bytes as they come. Only who was given room has to hurry: the first may come when they like."""
        if self._first is not None:
            message, self._first = self._first, None
        else:
            try:
                async with asyncio.timeout(self._settings.body_timeout_seconds):
                    message = await self._receive()
            except TimeoutError:
                text = f"nothing came for {self._settings.body_timeout_seconds:g} s; send the body without such pauses"
                raise Problem(408, "body_too_slow", text, headers={"Connection": "close"}) from None
        if message["type"] == "http.disconnect":
            raise Problem(400, "unreadable", "the connection ended before the body did")
        self._more = message.get("more_body", False)
        body: bytes = message.get("body", b"")
        return body


class _Packed(Protocol):
    """One gzip member or zstd frame, unpacked step by step."""

    def step(self, packed: bytes) -> bytes:
        """At most PIECE_BYTES of what these bytes, and those given before, unpack to."""
        ...

    def unfinished(self) -> bool:
        """Whether there is more to be had without further bytes."""
        ...

    def rest(self) -> bytes | None:
        """The bytes behind the end; None before it is reached."""
        ...


class _Gzip:
    def __init__(self) -> None:
        self._member = zlib.decompressobj(16 + zlib.MAX_WBITS)

    def step(self, packed: bytes) -> bytes:
        return self._member.decompress(self._member.unconsumed_tail + packed, PIECE_BYTES)

    def unfinished(self) -> bool:
        return bool(self._member.unconsumed_tail)

    def rest(self) -> bytes | None:
        return self._member.unused_data if self._member.eof else None


class _Zstd:
    def __init__(self) -> None:
        self._frame = ZstdDecompressor(options={DecompressionParameter.window_log_max: ZSTD_WINDOW_LOG})

    def step(self, packed: bytes) -> bytes:
        return self._frame.decompress(packed, PIECE_BYTES)

    def unfinished(self) -> bool:
        return not self._frame.eof and not self._frame.needs_input

    def rest(self) -> bytes | None:
        return self._frame.unused_data if self._frame.eof else None


_ENCODINGS: Mapping[bytes, Callable[[], _Packed]] = {b"gzip": _Gzip, b"x-gzip": _Gzip, b"zstd": _Zstd}


class _Unpacking:
    """A packed body: any number of members or frames, one behind the other."""

    def __init__(self, encoding: bytes, max_ratio: float) -> None:
        self._name = encoding.decode()
        self._make = _ENCODINGS[encoding]
        self._max_ratio = max_ratio
        self._packed = 0
        self._unpacked = 0
        self._member: _Packed | None = None

    def pieces(self, packed: bytes) -> Iterator[bytes]:
        """What these bytes unpack to, at most PIECE_BYTES each. Raises Problem 400 or 413."""
        self._packed += len(packed)
        while packed or (self._member is not None and self._member.unfinished()):
            if self._member is None:
                self._member = self._make()
            try:
                piece = self._member.step(packed)
            except (zlib.error, ZstdError):
                raise _unreadable(f"the body is not {self._name}, although Content-Encoding says so") from None
            self._unpacked += len(piece)
            if self._unpacked > FREE_BYTES + self._packed * self._max_ratio:
                text = f"the body unpacks to more than {self._max_ratio:g} times its size; send it in smaller parts or less packed"
                raise Problem(413, "packed_too_tightly", text)
            if piece:
                yield piece
            rest = self._member.rest()
            if rest is not None:
                self._member = None
            packed = rest or b""

    def end(self) -> None:
        """Raise Problem 400 unless the body ended where a member or frame ends."""
        if self._member is not None:
            raise _unreadable(f"the body ends in the middle of its {self._name} data")


def _unpacking(headers: Headers, max_ratio: float) -> _Unpacking | None:
    """Raises Problem 415 for an encoding that is not taken."""
    encoding = headers.get(b"content-encoding")
    if encoding is None:
        return None
    name = encoding.strip().lower()
    if name in (b"", b"identity"):
        return None
    if name in _ENCODINGS:
        return _Unpacking(name, max_ratio)
    text = f"this Content-Encoding is not taken; send the body as one of {ENCODINGS}"
    raise Problem(415, "encoding_not_taken", text, headers={"Accept-Encoding": ENCODINGS})


def _unreadable(detail: str) -> Problem:
    return Problem(400, "unreadable", detail)
