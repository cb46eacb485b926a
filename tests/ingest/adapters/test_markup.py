"""What a person reads of HTML."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.adapters.markup import plain


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>Hello <b>you</b> &amp; me</p><p>bye</p>", "Hello you & me\nbye"),
        ("one<br>two<br/>three", "one\ntwo\nthree"),
        ("<ul><li>a</li><li>b</li></ul>", "a\nb"),
        ("<style>p {color: red}</style>seen<script>alert('<p>')</script><!-- <b>note</b> -->", "seen"),
        ("plain words, a < b and\nc > d", "plain words, a < b and\nc > d"),
        ("&#20320;&#22909; &lt;3 😍", "你好 <3 😍"),
        ("<P CLASS='x'>loud</P>", "loud"),
        ("<p>cut off <b", "cut off"),
        ("<!DOCTYPE html><html><head><title>no</title></head><body>yes</body></html>", "yes"),
        ("<p>  </p>", None),
        ("", None),
        (None, None),
    ],
)
def test_blocks_become_lines_and_what_is_not_read_is_left_out(markup: str | None, text: str | None) -> None:
    assert plain(markup) == text


@pytest.mark.parametrize("piece", ["<p ", "<!--", "<script>", "<style ", "</", "<![CDATA[", "&#", "<b>"])
def test_broken_markup_by_the_megabyte_ends(piece: str) -> None:
    read = plain(piece * 200_000)

    assert read is None or len(read) <= len(piece) * 200_000


@given(st.text(alphabet="<>/!-&;#ab \n\"'=", max_size=60))
def test_any_text_becomes_lines_without_blanks_around_them(markup: str) -> None:
    read = plain(markup)

    assert read is None or all(line == " ".join(line.split()) != "" for line in read.split("\n"))
