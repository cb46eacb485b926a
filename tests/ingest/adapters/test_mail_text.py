"""HTML as its reader sees it, and the end of what is new in a mail, whatever somebody writes to make us read for long."""

import pytest
from hypothesis import given, seed
from hypothesis import strategies as st

from services.ingest.adapters.mail_text import MOST_HTML, new_words, text_of


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


@seed(6)
@given(st.lists(st.sampled_from(["On x wrote:", "> old", "new", "", "-- ", "From: x", "Sent: y", "____________________", "于 x 写道："])))
def test_a_text_of_any_lines_keeps_something_where_there_was_something(lines: list[str]) -> None:
    text = "\n".join(lines)

    words = new_words(text)

    assert bool(words) is bool(text.strip())
    assert words in text
