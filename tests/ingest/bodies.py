"""A request's body as a server hands it to an ASGI app: message by message."""

from collections.abc import Iterable

from starlette.types import Message, Receive


class Arriving:
    """`receive` of an ASGI app. `taken` counts the messages that were asked for; after the last it says that the client has gone."""

    def __init__(self, pieces: Iterable[bytes], *, ends: bool = True) -> None:
        self._pieces = iter(pieces)
        self._ends = ends
        self._ended = False
        self.taken = 0

    async def __call__(self) -> Message:
        self.taken += 1
        piece = next(self._pieces, None)
        if piece is not None:
            return {"type": "http.request", "body": piece, "more_body": True}
        if self._ended or not self._ends:
            return {"type": "http.disconnect"}
        self._ended = True
        return {"type": "http.request", "body": b"", "more_body": False}


def in_pieces(content: bytes, size: int) -> Receive:
    """The content in messages of so many bytes."""
    return Arriving(content[at : at + size] for at in range(0, len(content), size))
