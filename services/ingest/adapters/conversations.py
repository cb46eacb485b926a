"""What people write becomes an event, alike for every messenger, help desk and social network: messages, ratings by button, replies.

Buttons that ask for a rating carry a convention of our own, since the networks hand back whatever was put in: `csat_5|conv-1042`
(also `csat:5:conv-1042`, and `action=csat&score=5&conv=1042`), the conversation being optional, `nps` in the place of `csat` as well.
"""

import hashlib
import re
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import parse_qsl

from pydantic import Field

from services.ingest.adapters.adapter import ChannelEvent, Form
from services.ingest.adapters.node import id_of
from services.ingest.adapters.questions import present
from services.ingest.adapters.times import revision

REMOVED = "[removed]"
"""The text of what its author or a moderator has taken away."""
LAST_REVISION = 2**31 - 1
"""Nothing follows a removal, in whatever order versions arrive."""
NO_TEXT = "[no text]"
"""The text of a rating without words."""

MESSAGING = "messaging"
SOCIAL = "social"

_BUTTON = re.compile(r"(csat|nps)[_:](\d{1,2})(?:[|:](.{1,256}))?", re.DOTALL)


class Treated(Form):
    """What a customer's words are taken for, on channels that do not tell complaints from other messages."""

    treat_as: Annotated[
        Literal["message", "complaint", "comment"],
        Field(description="message joins the customer's open case; complaint opens one; comment is counted and analysed only"),
    ] = "message"


class Conversations(Treated):
    """Options of messengers."""

    survey: Annotated[str, Field(min_length=1, max_length=256, description="The survey under which ratings by button are counted")] = (
        "button_rating"
    )
    highest_csat: Annotated[
        int, Field(ge=2, le=10, description="The best score that the buttons of a satisfaction question offer; the worst is 1")
    ] = 5


class Pressed(NamedTuple):
    """A rating by button, and the conversation that it is about."""

    instrument: Literal["csat", "nps"]
    score: int
    conversation: str | None


def pressed(carried: str | None) -> Pressed | None:
    """What a button carried, None where it is no rating of ours."""
    text = (carried or "").strip()
    if found := _BUTTON.fullmatch(text):
        return _pressed(found[1], found[2], found[3])
    fields = dict(parse_qsl(text)) if len(text) <= 1024 and text.count("&") < 16 else {}
    return _pressed(fields.get("action"), fields.get("score"), fields.get("conv"))


def _pressed(instrument: str | None, score: str | None, conversation: str | None) -> Pressed | None:
    if instrument not in ("csat", "nps") or score is None or not re.fullmatch("[0-9]{1,2}", score):
        return None
    return Pressed("csat" if instrument == "csat" else "nps", int(score), (conversation or "").strip()[:256] or None)


def of(network: str, id: str | None) -> str | None:
    """A person's id in a network or help desk as a customer's: with its name, for numbers of two of them may be the same. What the company
    itself calls its customer there stays as it is."""
    whole = f"{network}:{id}"
    if id is None or len(whole) <= 256:
        return None if id is None else whole
    return f"{network}:sha256:{hashlib.sha256(id.encode()).hexdigest()}"


def said(treated: Treated, id: str, at: datetime, text: str, *, thread: str, **occurrence: Any) -> ChannelEvent:
    """What a customer wrote in the conversation `thread`; `occurrence` are the common fields of contracts.md, None where unknown."""
    match treated.treat_as:
        case "message":
            return ChannelEvent("feedback.message_received.v1", id, at, present(text=text, thread=thread, **occurrence))
        case "complaint":
            occurrence["interaction_id"] = occurrence.get("interaction_id") or thread
            return ChannelEvent("feedback.complaint_raised.v1", id, at, present(text=text, **occurrence))
        case "comment":
            return ChannelEvent("feedback.comment_posted.v1", id, at, present(text=text, reply_to=thread, **occurrence))


def rated(
    options: Conversations, id: str, at: datetime, carried: str | None, *, asked: str | None = None, version: int | None = None,
    **occurrence: Any,
) -> ChannelEvent | None:  # fmt: skip
    """A rating by button as an answered survey; None where the button carried none, or one that the buttons cannot offer.

    A customer's ratings of one conversation are one answer, of which the last tap counts; where the button names no conversation, those
    by the buttons of one message, `asked`, where the network tells it. Else each tap, `id`, is an answer. `version` grows from tap to tap,
    for networks that do not tell when one was.
    """
    found = pressed(carried)
    if found is None:
        return None
    low, high = (0, 10) if found.instrument == "nps" else (1, options.highest_csat)
    if not low <= found.score <= high:
        return None
    scale = {} if found.instrument == "nps" else {"scale_min": low, "scale_max": high}
    answer = {"question": found.instrument, "instrument": found.instrument, "score": found.score, **scale}
    about, customer = found.conversation or asked, occurrence.get("customer", {}).get("id")
    if about is not None and customer is not None:
        id = id_of(found.instrument, about, customer)
        occurrence["revision"] = version or revision(at)
    data = present(survey=options.survey, answers=[answer], interaction_id=found.conversation, **occurrence)
    return ChannelEvent("feedback.survey_answered.v1", id, at, data)


def replied(id: str, at: datetime, text: str | None, *, thread: str, post: str | None = None, **occurrence: Any) -> ChannelEvent:
    """What a person of the company wrote to the customer, in the network's own app or in another system; networks count it, too."""
    data = present(by="human", public=True, text=text, thread=thread, **occurrence)
    return ChannelEvent("interaction.replied.v1", id, at, data, post)
