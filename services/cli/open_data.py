"""Open data sets as events: pure functions from one row to what it says, and how a data set is known by its header.

A row's id becomes the event's id, so that a file can be replayed any number of times.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

Event = dict[str, Any]
Row = Mapping[str, str]

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""What is older is refused at the edge."""


class Mapped(NamedTuple):
    """The events of one row; `irregular` says what is wrong with the row, where something is."""

    events: Sequence[Event]
    irregular: str | None = None


@dataclass(frozen=True, slots=True)
class DataSet:
    """A data set that is known: by these columns of its header."""

    name: str
    columns: frozenset[str]
    events_of: Callable[[Row], Mapped]


_SF311_CHANNELS = {
    "phone": "phone",
    "voice in": "phone",
    "web": "web",
    "web self service": "web",
    "mobile/open311": "app",
    "open311": "app",
    "mobile": "app",
    "email": "email",
    "e-mail": "email",
    "e-mail in": "email",
    "twitter": "social",
    "mail": "mail",
    "mail in": "mail",
    "walk in": "store",
}


def sf311(row: Row) -> Mapped:
    """A case of San Francisco 311 (data.sfgov.org): a complaint when it is opened, a completed interaction when it is closed.

    A commendation is praise, not a complaint. A case that closes before it opens keeps its complaint and has no
    interaction, because nobody knows when it ended.
    """
    opened_at, closed_at = _instant(row["created_date"]), _instant(row["closed_date"])
    if not row["unique_key"].strip() or opened_at is None:
        return Mapped((), "has no key or no date of opening")
    if opened_at < EARLIEST:
        return Mapped((), "was opened before 2000")
    common = {
        "channel": _SF311_CHANNELS.get(row["source"].strip().casefold(), "other"),
        "interaction_id": row["unique_key"].strip(),
        "region": row["neighborhood"].strip(),
        "team": row["agency_name"].strip(),
        "category": row["category"].strip(),
    }
    common = {name: text for name, text in common.items() if text}
    raised = _event(row, opened_at, *_raised(row, common))
    if row["status"].strip().casefold() != "closed":
        return Mapped((raised,))
    if closed_at is None or closed_at < opened_at:
        return Mapped((raised,), "is closed without a date" if closed_at is None else "closes before it opens")
    completed = _event(row, closed_at, "interaction.completed.v1", {**common, "direction": "inbound"}, "-closed")
    return Mapped((raised, completed))


def _raised(row: Row, common: Event) -> tuple[str, Event]:
    said = [row[name].replace("_", " ").strip(" -") for name in ("category", "complaint_type", "descriptor")]
    text = ", ".join(dict.fromkeys(part for part in said if part)) or "no description"
    if "commendation" in row["descriptor"].casefold():
        return "feedback.comment_posted.v1", {**_without(common, "category"), "text": text, "kind": "praise"}
    return "feedback.complaint_raised.v1", {**common, "text": text}


def _event(row: Row, at: datetime, type: str, data: Event, suffix: str = "") -> Event:
    id = f"{row['unique_key'].strip()}{suffix}"
    return {"specversion": "1.0", "id": id, "source": "/sf311", "type": type, "time": at.isoformat(), "data": data}


def _without(data: Event, name: str) -> Event:
    return {key: value for key, value in data.items() if key != name}


def _instant(text: str) -> datetime | None:
    """An instant of the data set, which writes UTC; None for an empty field."""
    if not text.strip():
        return None
    at = datetime.fromisoformat(text.strip())
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


SF311 = DataSet(
    "San Francisco 311",
    frozenset(
        {"unique_key", "created_date", "closed_date", "status", "category", "complaint_type", "descriptor", "source", "neighborhood",
         "agency_name"}
    ),
    sf311,
)  # fmt: skip


_CFPB_CHANNELS = {"web": "web", "phone": "phone", "postal mail": "mail", "fax": "mail", "email": "email"}


def cfpb(row: Row) -> Mapped:
    """A complaint of the US Consumer Financial Protection Bureau. The file has dates only; the narrative is there when it was allowed."""
    id, received = row["Complaint ID"].strip(), row["Date received"].strip()
    received_at = _instant(received)
    if not id or received_at is None:
        return Mapped((), "has no id or no date received")
    if received_at < EARLIEST:
        return Mapped((), "was received before 2000")
    text = row["Consumer complaint narrative"].strip() or ", ".join(t for t in (row["Issue"].strip(), row["Sub-issue"].strip()) if t)
    named = {"product": row["Product"].strip(), "category": row["Issue"].strip(), "region": row["State"].strip()}
    data = {
        "channel": _CFPB_CHANNELS.get(row["Submitted via"].strip().casefold(), "other"),
        "text": text or "no description",
        "jurisdiction": "US-CFPB",
        "received_at": received,
        **{name: text for name, text in named.items() if text},
    }
    raised = {"specversion": "1.0", "id": id, "source": "/cfpb", "type": "feedback.complaint_raised.v1", "time": received_at.isoformat()}
    return Mapped(({**raised, "data": data},))


CFPB = DataSet(
    "CFPB complaints",
    frozenset({"Complaint ID", "Date received", "Consumer complaint narrative", "Issue", "Sub-issue", "Product", "State", "Submitted via"}),
    cfpb,
)
KNOWN = (SF311, CFPB)
