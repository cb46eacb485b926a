"""What a customer's message answers: "9", "９", "九分", "9 because the queue was long", "yes", "第2个"… And what ends all messages.

A message that does not say what the open question asks for answers nothing; it stays what a customer said.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence

from services.ingest.surveys.domain.answers import Given, WrongAnswer, next_question, read
from services.ingest.surveys.domain.questions import Choice, FreeText, Question

_CHINESE = {digit: number for number, digit in enumerate("零一二三四五六七八九十")} | {"〇": 0, "两": 2}
_ENGLISH = {
    word: number for number, word in enumerate(("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"))
}
_NUMBER = "|".join((r"\d{1,2}", "|".join(_CHINESE), "|".join(_ENGLISH)))
# A number, how numbers are said (9 points, 9/10, 9分), and what is said beside it. "9.5", "-9", "9am" and "900" are other things.
_SCORE = re.compile(
    rf"(?:我?[打给]|第)?\s*(?P<number>{_NUMBER})\s*(?:/\s*(?P<top>\d{{1,2}})|out of (?P<of>\d{{1,2}})|分|个|星|points?|stars?)?[#*]?"
    r"(?:$|(?![.,]\d)[\s.,;:!?~、，。；：！？…）)-]+(?P<rest>.*)$)",
    re.DOTALL | re.IGNORECASE,
)
_YES = frozenset({"1", "yes", "y", "yeah", "yep", "是", "是的", "对", "对的", "有", "会", "好", "好的", "解决了"})
_NO = frozenset({"0", "no", "n", "nope", "否", "不", "不是", "没有", "没", "不会", "没解决"})
_SKIP = frozenset({"skip", "跳过"})
# CTIA's words and what Chinese carriers ask for; in a chat only those that cannot mean something else.
_STOP_CHAT = frozenset({"stop", "unsubscribe", "退订"})
_STOP_SMS = _STOP_CHAT | {"stopall", "stop all", "end", "quit", "cancel", "optout", "opt out", "revoke", "td", "t", "停止"}
_EDGES = " \t\r\n.,;:!?。，；：！？…\"'“”"


def by_reply(questions: Sequence[Question]) -> bool:
    """Whether each of these is answered by one message."""
    return all(question.prompts == 1 for question in questions)


def stops(text: str, channel: str) -> bool:
    """Whether a message on this channel (sms, messaging, chat) asks for no more of ours."""
    return _plain(text) in (_STOP_SMS if channel == "sms" else _STOP_CHAT)


def answered_by(questions: Sequence[Question], done: Mapping[str, Given | None], text: str) -> dict[str, Given | None]:
    """The answers in a message to the first question that is open, and to the next text question where words follow a number; empty when
    it answers nothing."""
    place = next_question(questions, done)
    if place == len(questions):
        return {}
    question = questions[place]
    if _plain(text) in _SKIP:
        return {question.id: None}
    if isinstance(question, FreeText):
        return _read(question, "text", text)
    value, rest = _said(question, text)
    found = {} if value is None else _read(question, "choice" if isinstance(question, Choice) else "score", value)
    following = next((one for one in questions[place + 1 :] if isinstance(one, FreeText) and one.id not in done), None)
    if found and rest and following is not None:
        found |= _read(following, "text", rest)
    return found


def _read(question: Question, field: str, value: str) -> dict[str, Given | None]:
    try:
        return {question.id: read(question, {field: value})}
    except WrongAnswer:
        return {}


def _said(question: Question, text: str) -> tuple[str | None, str]:
    """What a message chooses, as a page would send it, and the words beside it."""
    if question.kind == "yes_no" and (word := _plain(text)) in _YES | _NO:
        return ("1" if word in _YES else "0"), ""
    if isinstance(question, Choice):
        named = {_plain(name): option.id for option in question.options for name in option.text.values()}
        if _plain(text) in named:
            return named[_plain(text)], ""
    found = _SCORE.match(unicodedata.normalize("NFKC", text).strip())
    if found is None:
        return None, ""
    number, rest = _number(found["number"]), (found["rest"] or "").strip()
    if isinstance(question, Choice):
        return (question.options[number - 1].id if 0 < number <= len(question.options) else None), rest
    top = found["top"] or found["of"]
    fits = top is None or (question.scale is not None and int(top) == question.scale[1])
    return (str(number) if fits else None), rest


def _number(said: str) -> int:
    word = said.lower()
    return _CHINESE[word] if word in _CHINESE else _ENGLISH[word] if word in _ENGLISH else int(word)


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()).strip(_EDGES)
