"""A form with a file in it (multipart/form-data, RFC 7578), as browsers and `curl -F` send it: the file goes through block by block."""

import re
from collections.abc import AsyncIterator
from email.message import Message

from shared.web.problems import Problem

MEDIA_TYPE = "multipart/form-data"
FILE = "file"
MAX_PARTS = 50
MAX_PIECE_BYTES = 16 * 1024
"""Of a field that is no file, and of what stands before the content of a part."""
_HEAD_ENDS = b"\r\n\r\n"
_PARAMETER = re.compile(r';\s*(name|filename)="([^"]*)"', re.IGNORECASE)


def boundary_of(content_type: str) -> bytes | None:
    """What lies between the parts of a form; None when the body is no form. Raises Problem 400 for a form that does not say it."""
    header = Message()
    header["Content-Type"] = content_type
    if header.get_content_type() != MEDIA_TYPE:
        return None
    if not (boundary := header.get_boundary()):
        raise _unreadable("its Content-Type names no boundary")
    return boundary.encode("utf-8", "replace")


async def file_of(body: AsyncIterator[bytes], boundary: bytes, fields: dict[str, str]) -> AsyncIterator[bytes]:
    """The content of the one file. Every other field of the form, before or behind it, is in `fields` when it ends, and so is the
    file's name as `file_name`. Raises Problem 400 for what is no form, 422 for a second file."""
    stream, delimiter, found = _Stream(body), b"\r\n--" + boundary, False
    await stream.piece(delimiter)
    for _ in range(MAX_PARTS):
        if await stream.take(2) == b"--":
            return
        said = dict(_PARAMETER.findall((await stream.piece(_HEAD_ENDS)).decode("utf-8", "replace")))
        if said.get("name") != FILE and "filename" not in said:
            fields[said.get("name", "")] = (await stream.piece(delimiter)).decode("utf-8", "replace")
            continue
        if found:
            raise Problem(422, "invalid_request", "the form holds more than one file: send each as an import of its own")
        found = True
        if said.get("filename"):
            fields.setdefault("file_name", said["filename"].replace("%22", '"')[:256])
        async for block in stream.until(delimiter):
            yield block
    raise _unreadable(f"it has more than {MAX_PARTS} parts")


class _Stream:
    """Bytes on their way in, of which no more is held than a mark can be hidden in."""

    def __init__(self, body: AsyncIterator[bytes]) -> None:
        self._body = body
        self._held = bytearray(b"\r\n")
        """The first boundary has no line before it; now it is like the others."""

    async def until(self, mark: bytes) -> AsyncIterator[bytes]:
        """What comes before the next mark, which is passed over. Raises Problem 400 when there is none."""
        while (end := self._held.find(mark)) < 0:
            if (ready := len(self._held) - len(mark) + 1) > 0:
                yield bytes(self._held[:ready])
                del self._held[:ready]
            await self._more()
        yield bytes(self._held[:end])
        del self._held[: end + len(mark)]

    async def piece(self, mark: bytes) -> bytes:
        """The same in one piece, which is small."""
        found = bytearray()
        async for block in self.until(mark):
            found += block
            if len(found) > MAX_PIECE_BYTES:
                raise _unreadable(f"a field has more than {MAX_PIECE_BYTES:,} bytes")
        return bytes(found)

    async def take(self, size: int) -> bytes:
        """So many bytes."""
        while len(self._held) < size:
            await self._more()
        found = bytes(self._held[:size])
        del self._held[:size]
        return found

    async def _more(self) -> None:
        block = await anext(self._body, None)
        if block is None:
            raise _unreadable("it ends before its last boundary")
        self._held += block


def _unreadable(why: str) -> Problem:
    detail = f"the form cannot be read: {why}; send the file as the field `{FILE}` of {MEDIA_TYPE}, or as the body itself"
    return Problem(400, "unreadable", detail)
