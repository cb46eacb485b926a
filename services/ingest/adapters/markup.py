"""What a person reads of HTML: its text, line by line, without what is not shown and what is quoted from elsewhere.

Read here and not by html.parser, which takes minutes for 200 kB of "<a <a <a": whoever may write to the company must not choose how long
we read.
"""

import re
from collections.abc import Iterator
from html import unescape

from shared.contracts.fields import TEXT_LENGTH

MOST_HTML = 200_000
"""Characters that are looked at; mails of more are newsletters."""
_MOST_TAG = 2_000

_MARKUP = re.compile("<[a-z/!?]", re.IGNORECASE)
_TAG = re.compile(r"""</?[a-z](?:[^"'>]++|"[^"]*+"|'[^']*+')*+>""", re.IGNORECASE)
_NAME = re.compile(r"</?([a-z][a-z0-9]*)", re.IGNORECASE)
_BREAKS = frozenset(
    "address article aside br dd div dl dt footer h1 h2 h3 h4 h5 h6 header hr li ol p pre section table tr ul".split()  # noqa: SIM905
)
_UNSEEN = frozenset(("head", "script", "style", "template", "title"))
_RAW = frozenset(("script", "style", "title", "textarea"))
"""What lies in these is no markup."""
_VOID = frozenset(("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"))
_NOT_SHOWN = re.compile(r"display\s*:\s*none|\shidden(?=[\s=>/])", re.IGNORECASE)
_CITED = re.compile(r"\stype\s*=\s*[\"']?cite\b", re.IGNORECASE)
_QUOTES = ("gmail_quote", "yahoo_quoted", "moz-cite-prefix")


def plain(text: str | None) -> str | None:
    """The words of what may be HTML or not, as help desks send it: lines without blanks around them; None when there are none."""
    read = "" if text is None else text_of(text) if _MARKUP.search(text) else unescape(text)
    lines = (" ".join(line.split()) for line in read.splitlines())
    return "\n".join(line for line in lines if line) or None


def text_of(html: str) -> str:
    """The text that a reader of the mail sees, line by line, without what it quotes. Linear in the length, whatever it holds."""
    lines = (" ".join(line.split()) for line in "".join(_seen(html[:MOST_HTML])).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()[:TEXT_LENGTH]


def _seen(html: str) -> Iterator[str]:
    """Text and line breaks. What is not shown or quoted is passed over by counting the elements of the kind that began it."""
    over, depth = "", 0
    for tag, text in _tokens(html):
        name = tag and _name(tag)
        if over:
            depth += 0 if name != over else -1 if tag.startswith("</") else 1
            over = over if depth else ""
        elif not tag:
            yield unescape(text).replace("\n", " ")
        elif name not in _VOID and not tag.startswith("</") and _is_passed_over(name, tag):
            over, depth = name, 1
        elif name in _BREAKS:
            yield "\n"


def _tokens(html: str) -> Iterator[tuple[str, str]]:
    """Tags, and the text between them; comments and declarations are left out. What never ends, ends with the mail."""
    place, lowered = 0, _ascii_lower(html)
    while (opened := html.find("<", place)) >= 0:
        if opened > place:
            yield "", html[place:opened]
        if html.startswith("<!--", opened):
            end = html.find("-->", opened) + 3
            place = end if end > 2 else len(html)
        elif html.startswith(("<!", "<?"), opened):
            place = _after(html, opened)
        elif _NAME.match(html, opened):
            found = _TAG.match(html, opened, opened + _MOST_TAG)
            place = found.end() if found else _after(html, opened)
            tag = html[opened : min(place, opened + _MOST_TAG)]
            yield tag, ""
            if _name(tag) in _RAW and not tag.startswith("</"):
                end = lowered.find(f"</{_name(tag)}", place)
                place = end if end >= 0 else len(html)
        else:
            yield "", "<"
            place = opened + 1
    if place < len(html):
        yield "", html[place:]


def _ascii_lower(text: str) -> str:
    """Lower case that keeps every character's place."""
    return re.sub("[A-Z]+", lambda found: found[0].lower(), text)


def _after(html: str, opened: int) -> int:
    closed = html.find(">", opened)
    return len(html) if closed < 0 else closed + 1


def _name(tag: str) -> str:
    found = _NAME.match(tag)
    return found[1].lower() if found else ""


def _is_passed_over(name: str, tag: str) -> bool:
    quoted = name == "blockquote" and _CITED.search(tag)
    return bool(name in _UNSEEN or quoted or any(quote in tag for quote in _QUOTES) or _NOT_SHOWN.search(tag))
