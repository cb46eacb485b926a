"""What somebody wrote in a mail, without the quoted history and the signature below it.

A guess at where the history begins may be wrong in one direction only: where nothing would be left, everything stays.
"""

import re
from itertools import takewhile

_LINE = 400
_MOST = 200_000
"""Characters that are looked at, four times what is kept."""

_INTRODUCTION = re.compile(
    r"\s*+(on\b.{4,200}\bwrote|am\b.{4,200}\bschrieb\b.{0,80}|le\b.{4,200}\ba écrit|el\b.{4,200}\bescribió"
    r"|.{0,200}(于|在).{2,200}写道)\s*[:：]\s*",
    re.IGNORECASE,
)
_DIVIDER = re.compile(
    r"\s*+([-_—]{2,}\s*(original message|forwarded message|ursprüngliche nachricht|message d'origine|原始邮件|转发的?邮件).{0,40}"
    r"|_{20,})\s*",
    re.IGNORECASE,
)
_HEADER_OF_HISTORY = re.compile(r"\s*+\W{0,2}(from|von|de|发件人)\W{0,2}[:：].{3,}", re.IGNORECASE)
_NEXT_HEADER = re.compile(
    r"\s*+\W{0,2}(sent|date|to|gesendet|an|datum|envoyé|enviado|发送时间|收件人|日期)\W{0,2}[:：].{2,}", re.IGNORECASE
)
_SIGNATURE = ("-- ", "--")


def new_words(text: str) -> str:
    """The text above the quoted history and the signature."""
    text = text[:_MOST]
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    above = list(takewhile(lambda place: not _ends(lines, place), range(len(lines))))
    kept = [lines[place] for place in above]
    while kept and (not kept[-1].strip() or kept[-1].lstrip().startswith(">")):
        kept.pop()
    return "\n".join(kept).strip() or text.strip()


def _ends(lines: list[str], place: int) -> bool:
    """Whether what the customer wrote ends above this line."""
    line = lines[place][:_LINE]
    after = lines[place + 1][:_LINE] if place + 1 < len(lines) else ""
    if line in _SIGNATURE or _DIVIDER.fullmatch(line):
        return True
    if _INTRODUCTION.fullmatch(line) or (line.strip() and _INTRODUCTION.fullmatch(f"{line} {after}")):
        return True
    return bool(_HEADER_OF_HISTORY.fullmatch(line) and _NEXT_HEADER.fullmatch(after))
