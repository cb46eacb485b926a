"""Forms as browsers, vendors and attackers write them."""

from datetime import UTC, datetime

import pytest

from services.ingest.adapters.adapter import Request, Unreadable
from services.ingest.adapters.forms import MOST_FIELDS, fields, form, parts, query

AT = datetime(2026, 3, 19, tzinfo=UTC)


def request(body: bytes, media_type: str = "application/x-www-form-urlencoded") -> Request:
    """A form of that media type."""
    return Request("POST", "https://feedback.example.com/", {"content-type": media_type}, body, AT)


def multipart(*written: bytes, boundary: str = "xYzZY") -> Request:
    """Parts with their heads, between boundaries, with CRLF."""
    delimiter = f"--{boundary}".encode()
    body = b"".join(delimiter + b"\r\n" + part + b"\r\n" for part in written) + delimiter + b"--\r\n"
    return request(body, f'multipart/form-data; boundary="{boundary}"')


def field(name: str, content: bytes) -> bytes:
    """One part."""
    return f'Content-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + content


def test_fields_keep_their_order_and_blanks_and_the_first_of_a_name_counts() -> None:
    sent = request(b"b=2&a=%E4%BD%A0+%26&b=3&empty=")

    read, first = fields(sent), form(sent)

    assert read == [("b", "2"), ("a", "你 &"), ("b", "3"), ("empty", "")]
    assert (first["b"].text(), first["empty"].text()) == ("2", None)


def test_a_query_is_read_like_a_form() -> None:
    read = query("https://feedback.example.com/x?token=a%2Bb&x=1&token=c#part")

    assert read["token"].text() == "a+b"


def test_parts_keep_line_breaks_blanks_and_bytes_of_any_character_set() -> None:
    sent = multipart(field("text", b"first\r\n\r\nsecond \r\n"), field("gb", "你好".encode("gb2312")), field("empty", b""))

    read = parts(sent)

    assert read == [("text", b"first\r\n\r\nsecond \r\n"), ("gb", "你好".encode("gb2312")), ("empty", b"")]


@pytest.mark.parametrize("boundary", ["xYzZY", "----WebKitFormBoundary7MA4YWxkTrZu0gW", "'()+_,-./:=?", "a b", "0" * 70])
def test_a_boundary_may_be_odd(boundary: str) -> None:
    sent = multipart(field("a", b"1\r\n--xYz"), field("b", b"--"), boundary=boundary)

    read = parts(sent)

    assert read == [("a", b"1\r\n--xYz"), ("b", b"--")]


def test_a_longer_boundary_inside_the_content_ends_nothing() -> None:
    sent = multipart(field("a", b"--xYzZYx\r\n--xYzZ\r\n-xYzZY"))

    read = parts(sent)

    assert read == [("a", b"--xYzZYx\r\n--xYzZ\r\n-xYzZY")]


def test_lines_may_end_in_lf_alone_and_a_preamble_is_left_out() -> None:
    sent = request(b'preamble\n--b \nContent-Disposition: form-data; name="a"\n\n1\n2\n--b--\nepilogue', "multipart/form-data; boundary=b")

    read = parts(sent)

    assert read == [("a", b"1\n2")]


def test_of_a_file_only_the_name_is_kept_and_a_part_without_a_name_is_left_out() -> None:
    head = b'Content-Disposition: form-data; name="attachment1"; filename="rechnung.pdf"\r\nContent-Type: application/pdf\r\n\r\n'
    sent = multipart(head + b"%PDF-1.7", b"Content-Disposition: form-data\r\n\r\nx", b"no head at all")

    read = parts(sent)

    assert read == [("attachment1", b"rechnung.pdf")]


def test_a_form_that_was_cut_off_keeps_what_there_is() -> None:
    whole = multipart(field("a", b"1"), field("b", b"22"))

    read = parts(request(whole.body[:-14], whole.headers["content-type"]))

    assert read == [("a", b"1"), ("b", b"2")]


@pytest.mark.parametrize(
    "media_type", ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=other", "multipart/form-data; ☃"]
)
def test_a_form_without_its_boundary_is_unreadable(media_type: str) -> None:
    sent = request(multipart(field("a", b"1")).body, media_type)

    with pytest.raises(Unreadable):
        parts(sent)


def test_too_many_fields_are_unreadable_of_either_kind() -> None:
    many = multipart(*(field("a", b"1") for _ in range(MOST_FIELDS + 1)))

    for sent in (many, request(b"a=1&" * (MOST_FIELDS + 1))):
        with pytest.raises(Unreadable, match="at most 1000 fields"):
            fields(sent)


def test_forms_inside_forms_are_not_followed() -> None:
    inner = b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n"
    sent = multipart(field("a", b"1"), b"".join(inner % (depth, depth) for depth in range(2000)))

    read = parts(sent)

    assert read == [("a", b"1")]


def test_a_body_in_another_character_set_than_utf_8_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        fields(request("text=你好".encode("gb2312")))


def test_empty_parts_by_the_hundred_thousand_are_refused_and_not_read() -> None:
    sent = request(b"--b\r\n\r\n" * 200_000, "multipart/form-data; boundary=b")

    with pytest.raises(Unreadable, match="at most 1000 fields"):
        parts(sent)
