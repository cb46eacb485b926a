"""A form with a file in it (multipart/form-data, RFC 7578), as browsers and `curl -F` send it: the file goes through block by block."""

from collections.abc import AsyncIterator

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from shared.web.problems import Problem

MEDIA_TYPE = "multipart/form-data"
FILE = "file"
MAX_PARTS = 50
MAX_PIECE_BYTES = 16 * 1024
"""Of a field that is no file, and of a line of what stands before the content of a part."""


def boundary_of(content_type: str) -> bytes | None:
    """What lies between the parts of a form; None when the body is no form. Raises Problem 400 for a form that does not say it."""
    kind, said = parse_options_header(content_type)
    if kind != MEDIA_TYPE.encode():
        return None
    if not (boundary := said.get(b"boundary")):
        raise _unreadable("its Content-Type names no boundary")
    return boundary


async def file_of(body: AsyncIterator[bytes], boundary: bytes, fields: dict[str, str]) -> AsyncIterator[bytes]:
    """The content of the one file. Every other field of the form, before or behind it, is in `fields` when it ends, and so is the
    file's name as `file_name`. Raises Problem 400 for what is no form, 422 for a second file."""
    parts = _Parts(fields)
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": parts.begin,
                "on_header_field": parts.header,
                "on_header_value": parts.value,
                "on_header_end": parts.header_end,
                "on_headers_finished": parts.head_end,
                "on_part_data": parts.data,
                "on_part_end": parts.end,
                "on_end": parts.all,
            },
            max_header_size=MAX_PIECE_BYTES,
        )
        async for block in body:
            parser.write(block)
            yield b"".join(parts.ready)
            parts.ready.clear()
        parser.finalize()
    except FormParserError as refused:
        raise _unreadable(str(refused)) from refused
    if not parts.ended:
        raise _unreadable("it ends before its last boundary")


class _Parts:
    """What the parser found, part by part; `ready` is what came of the file with the last block."""

    def __init__(self, fields: dict[str, str]) -> None:
        self._fields = fields
        self.ready: list[bytes] = []
        self.ended = False
        self._count = 0
        self._has_file = self._is_file = False
        self._field = ""
        self._header, self._content = bytearray(), bytearray()
        self._value = bytearray()

    def begin(self) -> None:
        self._count += 1
        if self._count > MAX_PARTS:
            raise _unreadable(f"it has more than {MAX_PARTS} parts")
        self._field, self._is_file = "", False
        self._content.clear()

    def header(self, block: bytes, start: int, end: int) -> None:
        self._header += block[start:end]

    def value(self, block: bytes, start: int, end: int) -> None:
        self._value += block[start:end]

    def header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, said = parse_options_header(bytes(self._value))
            self._field = said.get(b"name", b"").decode("utf-8", "replace")
            self._is_file = self._field == FILE or b"filename" in said
            if name := said.get(b"filename"):
                self._fields.setdefault("file_name", name.decode("utf-8", "replace").replace("%22", '"')[:256])
        self._header.clear()
        self._value.clear()

    def head_end(self) -> None:
        if self._is_file and self._has_file:
            raise Problem(422, "invalid_request", "the form holds more than one file: send each as an import of its own")
        self._has_file |= self._is_file

    def data(self, block: bytes, start: int, end: int) -> None:
        if self._is_file:
            self.ready.append(block[start:end])
            return
        self._content += block[start:end]
        if len(self._content) > MAX_PIECE_BYTES:
            raise _unreadable(f"a field has more than {MAX_PIECE_BYTES:,} bytes")

    def end(self) -> None:
        if not self._is_file:
            self._fields[self._field] = self._content.decode("utf-8", "replace")

    def all(self) -> None:
        self.ended = True


def _unreadable(why: str) -> Problem:
    detail = f"the form cannot be read: {why}; send the file as the field `{FILE}` of {MEDIA_TYPE}, or as the body itself"
    return Problem(400, "unreadable", detail)
