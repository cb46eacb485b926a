"""HTML from the templates beside this module. Everything that comes from people is escaped; no page holds a script or a style."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from fastapi import Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.ingest.surveys.domain.people import language_for
from services.ingest.surveys.domain.questions import Lang
from services.ingest.surveys.pages.words import NAMES, WORDS, day

HTML = Path(__file__).with_name("html")
STYLE = (HTML / "style.css").read_bytes()
STYLE_PATH = f"/s-{sha256(STYLE).hexdigest()[:12]}.css"
"""Named by its content, so that it may be kept for ever."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",  # the token is in the address
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
    "Cache-Control": "no-store",
}

_PAGES = Environment(loader=FileSystemLoader(HTML), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


class Page:
    """What every page is told: the language, the company, where the language switch leads."""

    def __init__(self, language: Lang, company: str, path: str, languages: Sequence[Lang], *, keep: str = "") -> None:
        """`keep` is what the query keeps when the language is switched, already encoded, ending in `&` when it is not empty."""
        self.language = language
        self.words = WORDS[language]
        self.company = company
        self._shown = {
            "lang": language,
            "company": company,
            "w": self.words,
            "style": STYLE_PATH,
            "day": lambda at: day(at.year, at.month, at.day, language),
            "switch": [(one, NAMES[one], f"{path}?{keep}lang={one}") for one in languages if one != language],
        }

    def render(self, name: str, **more: Any) -> str:
        """The HTML of the template `name`."""
        return _PAGES.get_template(f"{name}.html").render(self._shown, **more)

    def response(self, name: str, status: int = 200, headers: Mapping[str, str] | None = None, **more: Any) -> Response:
        """The same as an answer."""
        content = self.render(name, **more)
        return Response(content, status, {**HEADERS, "Content-Language": self.language, **(headers or {})}, "text/html; charset=utf-8")


def spoken_language(asked: str | None, accept: str | None, languages: Sequence[Lang], otherwise: Lang | None) -> Lang:
    """The language of a page: the one switched to, the customer's, the browser's first that we speak, else the survey's first."""
    switched = next((language for language in languages if language == asked), None)
    if switched is not None:
        return switched
    if otherwise is not None:
        return otherwise
    for part in (accept or "").split(","):
        tag = part.partition(";")[0].strip().lower()
        if tag.split("-")[0] in ("en", "zh") and (found := language_for(tag, languages)).split("-")[0] == tag.split("-")[0]:
            return found
    return languages[0]
