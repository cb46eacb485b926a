"""A file in a form is the same bytes, however the form was cut on its way; what is no form says so."""

from collections.abc import AsyncIterator, Sequence

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.imports.multipart import MAX_PARTS, MAX_PIECE_BYTES, boundary_of, file_of
from shared.web.problems import Problem

BOUNDARY = b"--x"
CONTENT = st.binary(max_size=200) | st.lists(st.sampled_from([b"\r", b"\n", b"-", b"--", BOUNDARY, b"x"]), max_size=30).map(b"".join)


async def blocks(body: bytes, sizes: Sequence[int]) -> AsyncIterator[bytes]:
    """The body in pieces of these sizes, over and over."""
    begin = turn = 0
    while begin < len(body):
        end = begin + sizes[turn % len(sizes)]
        yield body[begin:end]
        begin, turn = end, turn + 1


async def parsed(body: bytes, boundary: bytes = BOUNDARY, sizes: Sequence[int] = (1000,)) -> tuple[bytes, dict[str, str]]:
    fields: dict[str, str] = {}
    content = b"".join([block async for block in file_of(blocks(body, sizes), boundary, fields)])
    return content, fields


def part(head: str, content: bytes) -> bytes:
    return b"--" + BOUNDARY + b"\r\nContent-Disposition: form-data; " + head.encode() + b"\r\n\r\n" + content + b"\r\n"


END = b"--" + BOUNDARY + b"--"


@given(
    content=CONTENT.filter(lambda content: b"\r\n--" + BOUNDARY not in b"\r\n" + content), sizes=st.lists(st.integers(1, 40), min_size=1)
)
async def test_the_file_comes_through_as_it_is_however_it_was_cut(content: bytes, sizes: list[int]) -> None:
    body = part('name="zone"', b"") + part('name="file"; filename="a.csv"', content) + part('name="name"', "größer".encode()) + END

    found, fields = await parsed(body, sizes=sizes)

    assert found == content
    assert fields == {"zone": "", "file_name": "a.csv", "name": "größer"}


async def test_what_httpx_sends_is_read() -> None:
    request = httpx.Request("POST", "http://ingest", files={"file": ('größe "5".csv', b"a,b\r\n1,2")}, data={"start": "true"})
    boundary = boundary_of(request.headers["content-type"])

    assert boundary is not None
    assert await parsed(request.read(), boundary) == (b"a,b\r\n1,2", {"start": "true", "file_name": 'größe "5".csv'})


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "ends before its last boundary"),
        (b"a,b\r\n1,2", "the form cannot be read"),
        (part('name="file"', b"a,b\r\n1,2"), "ends before its last boundary"),
        (part('name="file"', b"a") + part('name="other"; filename="b.csv"', b"b") + END, "more than one file"),
        (part('name="note"', b"x" * (MAX_PIECE_BYTES + 1)) + END, "has more than 16,384 bytes"),
        (part('name="note"', b"x") * (MAX_PARTS + 1) + END, "has more than 50 parts"),
    ],
)
async def test_what_is_no_form_is_told(body: bytes, told: str) -> None:
    with pytest.raises(Problem, match=told):
        await parsed(body)


def test_only_a_form_has_a_boundary() -> None:
    assert boundary_of("text/csv") is boundary_of("") is None
    assert boundary_of('Multipart/Form-Data; boundary="a b"') == b"a b"
    with pytest.raises(Problem, match="names no boundary"):
        boundary_of("multipart/form-data")
