"""What a person reads of HTML: its text, with line breaks where blocks end. Scripts, styles, comments and markup are left out.

The standard library's parser takes minutes over some kilobytes of broken markup; this one looks at every character once or twice.
"""

import html
import re

_BLOCKS = {"p", "div", "br", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "table", "ul", "ol", "hr", "pre"}
_UNREAD = {"script", "style", "head", "title", "template"}
_TAG = re.compile(r"</?([A-Za-z][A-Za-z0-9]*)")


def plain(markup: str | None) -> str | None:
    """The text of a piece of HTML, None when there is none; a text without any markup keeps its words and lines."""
    if markup is None:
        return None
    lines = (" ".join(line.split()) for line in html.unescape("".join(_read(markup))).splitlines())
    return "\n".join(line for line in lines if line) or None


def _read(markup: str) -> list[str]:
    """The pieces between the tags."""
    pieces: list[str] = []
    at = 0
    while (found := markup.find("<", at)) >= 0:
        pieces.append(markup[at:found])
        tag = _TAG.match(markup, found)
        name = tag[1].lower() if tag else ""
        if tag is None and markup[found + 1 : found + 2] not in ("!", "?"):
            pieces.append("<")
            at = found + 1
            continue
        if markup.startswith("<!--", found):
            closed, end = markup.find("-->", found), "-->"
        elif name in _UNREAD and markup[found + 1] != "/":
            closed, end = _ending(markup, name, found), ""
        else:
            closed, end = markup.find(">", found), ">"
        if closed < 0:
            return pieces
        pieces.append("\n" if name in _BLOCKS else "")
        at = closed + len(end)
    pieces.append(markup[at:])
    return pieces


def _ending(markup: str, name: str, start: int) -> int:
    """Where the closing tag of something that is not read begins; -1 when it is never closed."""
    ending = re.compile(f"</{name}", re.IGNORECASE).search(markup, start)
    return -1 if ending is None else ending.start()
