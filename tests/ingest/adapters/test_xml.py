"""XML without document types, so without entities of the sender's making, and not nested without end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.adapters.adapter import Unreadable
from services.ingest.adapters.xml import MOST_DEPTH, local, xml_body

LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol1 "&lol;&lol;&lol;&lol;">]><lolz>&lol1;</lolz>"""
OUTSIDE = b"""<!DOCTYPE x [<!ENTITY passwords SYSTEM "file:///etc/passwd">]><x>&passwords;</x>"""


def nested(depth: int) -> bytes:
    """Elements inside one another."""
    return b"<a>" * depth + b"</a>" * depth


def test_texts_attributes_and_cdata_are_read() -> None:
    root = xml_body('<?xml version="1.0" encoding="UTF-8"?><x xmlns="urn:x"><a n="1"><![CDATA[你 & <b>]]></a><!-- no --></x>'.encode())

    assert local(root) == "x"
    assert [(local(inner), inner.text, inner.get("n")) for inner in root] == [("a", "你 & <b>", "1")]


@pytest.mark.parametrize("body", [LAUGHS, OUTSIDE, b"<!DOCTYPE x><x/>", b'<!DOCTYPE x SYSTEM "https://example.com/x.dtd"><x/>'])
def test_a_document_type_is_refused(body: bytes) -> None:
    with pytest.raises(Unreadable, match="document type"):
        xml_body(body)


def test_depth_has_an_end() -> None:
    at_the_limit = xml_body(nested(MOST_DEPTH))

    assert local(at_the_limit) == "a"
    for depth in (MOST_DEPTH + 1, 100_000):
        with pytest.raises(Unreadable, match="too deep"):
            xml_body(nested(depth))


def test_many_siblings_are_no_depth() -> None:
    root = xml_body(b"<x>" + b"<a/>" * 1000 + b"</x>")

    assert len(root) == 1000


@pytest.mark.parametrize(
    "body", [b"", b"<x>", b"</x>", b"{}", b"<x>&lol;</x>", b'<?xml version="1.0" encoding="no-such"?><x/>', b"\xff\xfe<\x00x"]
)
def test_what_is_no_xml_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        xml_body(body)


@given(st.binary(max_size=60) | st.text(alphabet="<>/!?[]&;x \"'=", max_size=40).map(str.encode))
def test_arbitrary_bytes_are_an_element_or_unreadable(body: bytes) -> None:
    try:
        root = xml_body(body)
    except Unreadable:
        return

    assert local(root)
