"""HTML as its reader sees it, whatever somebody writes to make us read for long."""

import pytest
from hypothesis import given, seed
from hypothesis import strategies as st

from services.ingest.adapters.markup import MOST_HTML, plain, text_of


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
        ('<div>Still not solved.</div><blockquote type="cite">We have refunded you.</blockquote>', "Still not solved."),
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


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("a &lt; b &amp;&nbsp;c &#20320;", "a < b & c 你"),
        ("one<br>two<p>three</p>four<div>five</div>", "one\ntwo\nthree\nfour\nfive"),
        ("5 < 6 and 7 > 6", "5 < 6 and 7 > 6"),
        ('<img alt="a > b" src=x>seen', "seen"),
        ("<!-- <p>no</p> -->seen<![if mso]>also<![endif]>", "seenalso"),
        ("<STYLE>p {}</STYLE><script>'</p>' < 5</SCRIPT>seen", "seen"),
        ("<div hidden>no</div><p style='color: red; display:none'>no</p>seen", "seen"),
        ('new<blockquote type="cite"><blockquote>old</blockquote>old</blockquote>', "new"),
        ('new<div class="gmail_quote"><div>old</div>old</div>', "new"),
        ("<blockquote>what I quote myself</blockquote>", "what I quote myself"),
        ("<p>never closed", "never closed"),
        ("İ<script>x</script>y", "İy"),
    ],
)
def test_html_becomes_the_text_that_its_reader_sees(html: str, text: str) -> None:
    assert text_of(html) == text


@pytest.mark.parametrize("piece", ["<a ", "<a b='", "<!--", "<!a", "</a", "<?x", "<![if ", "<script>", "<!--x--"], ids=str)
def test_tags_that_never_end_have_no_text(piece: str) -> None:
    # The standard library's parser takes from seconds to minutes over each of these.
    html = "seen" + piece * (MOST_HTML // len(piece))

    assert text_of(html) == "seen"


@seed(6)
@given(
    st.lists(
        st.sampled_from(["<p", ">", "</p>", "<script>", "</script", "<!--", "-->", "'", '"', "&#", "&amp;", "x", "<", "\n", "<div hidden>"])
    )
)
def test_any_html_has_a_text_or_none(pieces: list[str]) -> None:
    text = text_of("".join(pieces))

    assert text == text.strip()
