"""Mails to the company as events, alike for every mail vendor.

A customer's mail is feedback; what machines send is not: auto-replies (RFC 3834) and delivery statuses (RFC 3464). A status becomes
`message.delivery_failed` where it tells which case or invitation our mail was about: by the headers Hearback-Case and
Hearback-Invitation of that mail, by variables of those names that a mail service repeats, or by "[case …]" in its subject.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import Field

from services.ingest.adapters import times
from services.ingest.adapters.adapter import ChannelEvent
from services.ingest.adapters.conversations import NO_TEXT, Treated, replied, said
from services.ingest.adapters.gathering import Found
from services.ingest.adapters.mail_text import new_words
from services.ingest.adapters.markup import text_of
from services.ingest.adapters.mime import Failed, Headers, Mail, headers_of
from services.ingest.adapters.node import Node, paragraphs
from services.ingest.adapters.questions import present
from shared.contracts.identity import address_hash
from shared.delivery.mail_headers import CASE_HEADER, INVITATION_HEADER

EMAIL = "email"
_CASE_REFERENCE = re.compile(r"\[case[ #:]{1,3}([0-9A-Za-z-]{4,64})\]", re.IGNORECASE)
_ANSWERING = re.compile(r"\s*(re|aw|sv|antw|回复|答复|fwd?|wg|转发)\s*[:：]", re.IGNORECASE)
_MESSAGE_ID = re.compile(r"<([^<>\s]{1,900})>")
_MACHINES = re.compile(r"(mailer-daemon|postmaster)@", re.IGNORECASE)
_OLDEST = timedelta(days=7)

Domain = Annotated[str, Field(pattern=r"^[a-z0-9.-]{1,253}$")]


class Mails(Treated):
    """Options of mail channels."""

    own_domains: Annotated[
        tuple[Domain, ...],
        Field(max_length=100, description="Your own domains: mails from there to customers are replies, never feedback"),
    ] = ()
    take_spam: Annotated[bool, Field(description="Whether mails are taken, too, that the mail service holds for spam")] = False


@dataclass(frozen=True, slots=True)
class Received:
    """A mail and what the vendor adds: `id` is its own, `words` the new text where it strips mails itself, `authentic` whether the
    sender's domain was proven to stand behind the address."""

    mail: Mail
    id: str
    at: datetime
    words: str | None = None
    authentic: bool = False


def found_in(received: Received, options: Mails, zone: ZoneInfo) -> list[Found]:
    """What a mail amounts to: an event, failures, or why it is neither."""
    headers = received.mail.headers
    if is_delivery_status(headers):
        mail = received.mail
        return [*failures(received.id, received.at, mail.failed, mail.returned)] or ["delivery_status"]
    if is_automatic(headers):
        return ["automatic"]
    senders = headers.addresses("from")
    name, address = senders[0] if senders else (None, None)
    text = _written(received)
    at = sent_at(headers, received.at, zone)
    if address is not None and _is_own(address, options):
        outside = [to for _, to in headers.addresses("to", "cc") if not _is_own(to, options)]
        return [replied(received.id, at, text, thread=thread_of(headers, received.id), channel=EMAIL)] if outside else ["own_words"]
    # Of several senders it is not told which one's domain was proven.
    customer = present(email=address, name=name, email_verified=True if len(senders) == 1 and received.authentic else None)
    return [_message(received, options, at, text, customer)]


def _message(received: Received, options: Mails, at: datetime, text: str | None, customer: dict[str, Any]) -> ChannelEvent:
    headers = received.mail.headers
    subject, thread = headers.first("subject"), thread_of(headers, received.id)
    case = case_in(subject)
    answering = case is not None or headers.first("in-reply-to") is not None or headers.first("references") is not None
    apart = answering or subject is None or _ANSWERING.match(subject)
    words = (text or subject if apart else paragraphs(subject, text)) or NO_TEXT
    if answering:
        data = present(channel=EMAIL, customer=customer, text=words, thread=thread, case=case)
        return ChannelEvent("feedback.message_received.v1", received.id, at, data)
    return said(options, received.id, at, words, thread=thread, channel=EMAIL, customer=customer)


def _written(received: Received) -> str | None:
    """The words of this mail alone, as the contracts take them."""
    mail = received.mail
    words = received.words or (new_words(mail.text) if mail.text and mail.text.strip() else None)
    return Node(words or (new_words(text_of(mail.html)) if mail.html else None)).text()


def _is_own(address: str, options: Mails) -> bool:
    domain = address.rpartition("@")[2].lower()
    return any(domain == own or domain.endswith(f".{own}") for own in options.own_domains)


def sent_at(headers: Headers, received_at: datetime, zone: ZoneInfo) -> datetime:
    """When the mail says it was written, unless its clock is ahead of ours or far behind."""
    date = headers.first("date")
    written = None if date is None else times.rfc2822(date, zone)
    return written if written is not None and received_at - _OLDEST <= written <= received_at else received_at


def message_id(headers: Headers) -> str | None:
    """The mail's own id, without its brackets."""
    value = headers.first("message-id")
    found = _MESSAGE_ID.search(value or "")
    return Node(found[1] if found else value).id()


def thread_of(headers: Headers, id: str) -> str:
    """The mail that the conversation began with: the first that is referred to, else this one."""
    for name in ("references", "in-reply-to"):
        found = _MESSAGE_ID.search(headers.first(name) or "")
        if found:
            return Node(found[1]).required_id()
    return message_id(headers) or id


def case_in(subject: str | None) -> str | None:
    """The case that a subject refers to."""
    found = _CASE_REFERENCE.search(subject or "")
    return found[1] if found else None


def is_automatic(headers: Headers) -> bool:
    """Whether a machine answered or wrote, by RFC 3834 and by what was usual before it."""
    submitted = (headers.first("auto-submitted") or "no").partition(";")[0].strip().lower()
    precedence = (headers.first("precedence") or "").lower()
    answered = any(headers.first(name) for name in ("x-autoreply", "x-autorespond", "x-autoresponder"))
    return submitted != "no" or precedence in ("auto_reply", "bulk", "junk") or answered


def is_delivery_status(headers: Headers) -> bool:
    """Whether a mail server wrote about a mail, not a person."""
    kind = (headers.first("content-type") or "").lower()
    machine = any(_MACHINES.match(address) for _, address in headers.addresses("from"))
    return kind.startswith("multipart/report") or (headers.first("return-path") or "") == "<>" or machine


def failures(id: str, at: datetime, failed: Sequence[Failed], returned: Headers) -> list[ChannelEvent]:
    """One event for each recipient; none where our mail's headers do not tell what it was about. No address is in it."""
    case = Node(returned.first(CASE_HEADER.lower())).id() or case_in(returned.first("subject"))
    invitation = Node(returned.first(INVITATION_HEADER.lower())).id()
    if case is None and invitation is None:
        return []
    return [
        ChannelEvent(
            "message.delivery_failed.v1",
            id if place == 0 else Node(f"{id}/{place + 1}").required_id(),
            at,
            present(
                channel=EMAIL,
                case=case,
                invitation=invitation,
                address_hash=None if one.address is None else address_hash(one.address),
                reason=one.reason,
                permanent=one.permanent,
            ),
        )
        for place, one in enumerate(failed)
    ]


def about(variables: Node, subject: str | None = None) -> Headers:
    """What a mail of ours was about, as `failures` takes it, where a mail service tells its variables instead of its headers."""
    told = {name: variables[name].text() for name in (CASE_HEADER, INVITATION_HEADER)} | {"subject": subject}
    return headers_of((name, value) for name, value in told.items() if value is not None)
