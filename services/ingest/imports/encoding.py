"""Which encoding a text file has, by its bytes; and the hash that stands for its content. Pure over an open binary file.

A file is read from end to end before it is believed: what is UTF-8 in its first megabyte may not be in its last.
"""

import codecs
import hashlib
from collections.abc import Generator
from typing import BinaryIO, Literal, NamedTuple, get_args

from services.ingest.imports.cells import UnreadableFile

Encoding = Literal["utf-8", "utf-16", "utf-16-le", "utf-16-be", "gb18030", "cp1252"]
ENCODINGS: tuple[Encoding, ...] = get_args(Encoding)

_BLOCK = 64 * 1024
_PLAUSIBLE = 0.7
"""So many of its characters beyond ASCII must be among the 3,755 most common Chinese ones (level 1 of GB 2312) or Chinese punctuation,
before a file is taken for GB 18030. Accented letters of Windows-1252 lie elsewhere: two of them in a row make a rare character."""
_STRAY_NULS = 0.01
"""A text may hold some, each of which spoils its row; a file with more is none."""
_HINT = f"say the file's encoding, one of {', '.join(ENCODINGS)}, or save it as UTF-8"


class Read(NamedTuple):
    """What reading a file from end to end found out: `digest` is 16 bytes over its text without byte order mark, with line ends as
    \\n and none at its end, so that the same text has the same digest in any encoding and with any line ends."""

    encoding: Encoding
    digest: bytes


def examine(file: BinaryIO, told: Encoding | None = None) -> Generator[None, None, Read]:
    """Find the encoding; `told` is the one that a person said. A generator, so that whoever runs it can pause.

    Raises UnreadableFile for a file that is none of the encodings, or not the one that was told.
    """
    start = _head(file)
    marked = _marked(start)
    for candidate in (told,) if told is not None else (marked,) if marked is not None else _candidates(start):
        digest = _Digest()
        try:
            decoder = codecs.getincrementaldecoder(_codec(candidate, start))(errors="strict")
            plausible = _Plausible() if candidate == "gb18030" and told is None else None
            file.seek(0)
            while block := file.read(_BLOCK):
                text = decoder.decode(block)
                digest.add(text)
                if plausible is not None:
                    plausible.add(text)
                yield
            digest.add(decoder.decode(b"", final=True))
        except UnicodeDecodeError:
            continue
        if plausible is None or plausible.holds():
            return Read(candidate, digest.done())
    if told is not None or marked is not None:
        raise UnreadableFile(f"the file holds bytes that are not {told or marked}: {_HINT}")
    raise UnreadableFile(f"the file's encoding cannot be told: {_HINT}")


def codec_of(encoding: Encoding, file: BinaryIO) -> str:
    """The codec that reads the file without its byte order mark."""
    return _codec(encoding, _head(file))


def _head(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read(4096)


def _codec(encoding: Encoding, start: bytes) -> str:
    if encoding == "utf-8":
        return "utf-8-sig"
    if encoding == "utf-16" and not start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _without_mark(start) or "utf-16-le"
    if encoding == "utf-16-le" and start.startswith(codecs.BOM_UTF16_LE):
        return "utf-16"
    if encoding == "utf-16-be" and start.startswith(codecs.BOM_UTF16_BE):
        return "utf-16"
    return encoding


def _marked(start: bytes) -> Encoding | None:
    if start.startswith(codecs.BOM_UTF8):
        return "utf-8"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return _without_mark(start)


def _without_mark(start: bytes) -> Encoding | None:
    """UTF-16 without a mark: the ASCII of its first lines leaves every second byte zero."""
    even, odd = start[::2].count(0), start[1::2].count(0)
    if max(even, odd) < len(start) / 8 or min(even, odd) * 4 > max(even, odd):
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _candidates(start: bytes) -> tuple[Encoding, ...]:
    if start.count(0) > _STRAY_NULS * len(start):
        raise UnreadableFile("this is no text file: send CSV, XLSX, or one JSON object a line")
    return ("utf-8", "gb18030", "cp1252")


class _Digest:
    """Normalised line ends, and nothing for those at the end."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)
        self._held = ""

    def add(self, text: str) -> None:
        text = self._held + text
        kept = text.rstrip("\r\n")
        self._held = text[len(kept) :]
        self._hash.update(_with_newlines(kept).encode())
        if len(self._held) > _BLOCK:  # a file of blank lines only must not be held in memory
            self._hash.update(_with_newlines(self._held[:-1]).encode())
            self._held = self._held[-1:]

    def done(self) -> bytes:
        return self._hash.digest()


def _with_newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


class _Plausible:
    """How many characters beyond ASCII are those that Chinese text is written with."""

    def __init__(self) -> None:
        self._beyond = 0
        self._common = 0

    def add(self, text: str) -> None:
        beyond = [character for character in text if character > "\x7f"]
        self._beyond += len(beyond)
        encoded = "".join(beyond).encode("gb2312", errors="ignore")
        self._common += sum(lead < 0xA4 or 0xB0 <= lead <= 0xD7 for lead in encoded[::2])

    def holds(self) -> bool:
        return self._common >= _PLAUSIBLE * self._beyond
