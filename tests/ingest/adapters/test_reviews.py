"""Review platforms and mail vendors, beyond their samples: changes and deletions in any order, tokens, spam."""

import dataclasses
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

from services.ingest.adapters.adapter import NotProven, Unreadable
from services.ingest.adapters.conversations import LAST_REVISION, REMOVED
from services.ingest.adapters.mail import Mails
from tests.ingest.adapters.case import Case, with_members
from tests.ingest.adapters.cases import mailgun, reviews_io, sendgrid, trustpilot
from tests.ingest.adapters.judging import be_sound

(TRUSTPILOT,), (REVIEWS_IO,) = trustpilot.CASES, reviews_io.CASES
MAILGUN, SENDGRID = mailgun.RECEIVED, sendgrid.CASES[0]


def versions(*changes: dict[str, Any]) -> list[Any]:
    """The event that each change of Trustpilot's sample becomes."""
    outcomes = [TRUSTPILOT.receive(TRUSTPILOT.request(with_members(TRUSTPILOT.body, **change))) for change in changes]
    for outcome in outcomes:
        be_sound(outcome, TRUSTPILOT.at)
    return [outcome.events[0] for outcome in outcomes]


def test_a_review_that_was_changed_and_then_deleted_ends_removed_in_whatever_order_that_arrives() -> None:
    written, changed, changed_again, deleted = versions(
        {},
        {"events__0__eventName": "service-review-updated", "events__0__eventData__stars": 1},
        {"events__0__eventName": "service-review-updated", "events__0__eventData__updatedAt": "2026-03-19T10:00:00Z"},
        {"events__0__eventName": "service-review-deleted"},
    )

    revisions = [event.data.get("revision", 1) for event in (written, changed, changed_again, deleted)]

    assert len({event.id for event in (written, changed, changed_again, deleted)}) == 1
    assert revisions == sorted(set(revisions))
    assert (deleted.data["text"], deleted.data["revision"]) == (REMOVED, LAST_REVISION)
    assert "rating" not in deleted.data
    assert "author" not in deleted.data


def test_other_notifications_of_trustpilots_are_passed_over() -> None:
    body = with_members(TRUSTPILOT.body, events__0__eventName="product-review-created")

    outcome = TRUSTPILOT.receive(TRUSTPILOT.request(body))

    assert (outcome.events, outcome.passed_over) == ([], {"other_event": 1})


@pytest.mark.parametrize("stars", [0, 6, "x"])
def test_stars_that_there_are_not_are_no_rating(stars: object) -> None:
    body = with_members(TRUSTPILOT.body, events__0__eventData__stars=stars)

    with pytest.raises(Unreadable):
        TRUSTPILOT.receive(TRUSTPILOT.request(body))


def test_reviews_of_a_product_and_of_the_company_with_one_number_are_two() -> None:
    product = REVIEWS_IO.receive(REVIEWS_IO.request(with_members(REVIEWS_IO.body, review_type="product", product={"name": "Tea"})))

    (event,) = product.events
    assert (event.id, event.data["product"]) == ("product:9931", "Tea")


def mail(case: Case, **fields: str | None) -> bytes:
    """Mailgun's form with other fields."""
    there = {**dict(parse_qsl(case.body.decode())), **fields}
    return urlencode({name: value for name, value in there.items() if value is not None}).encode()


@pytest.mark.parametrize("late", [timedelta(hours=10), -timedelta(hours=10)], ids=str)
def test_an_old_stamp_of_mailguns_is_refused(late: timedelta) -> None:
    with pytest.raises(NotProven) as refused:
        MAILGUN.receive(MAILGUN.request(MAILGUN.body, at=MAILGUN.at + late))

    assert refused.value.reason == "stale"


def test_mailguns_token_is_for_one_request() -> None:
    outcomes = [MAILGUN.receive(MAILGUN.request(body)) for body in (MAILGUN.body, mail(MAILGUN, **{"stripped-text": "Another mail"}))]

    assert {outcome.once for outcome in outcomes} == {mailgun.TOKEN}


def test_where_mailgun_strips_nothing_the_text_is_stripped_here() -> None:
    outcome = MAILGUN.receive(MAILGUN.request(mail(MAILGUN, **{"stripped-text": None})))

    assert outcome.events[0].data["text"] == "Double charge\n\nI was charged twice this month."


def test_an_auto_reply_that_mailgun_hands_on_uses_up_its_token_and_is_no_feedback() -> None:
    body = mail(
        MAILGUN, **{"message-headers": '[["Auto-Submitted", "auto-replied"], ["From", "emily@example.com"], ["Message-Id", "<a@b>"]]'}
    )

    outcome = MAILGUN.receive(MAILGUN.request(body))

    assert (list(outcome.events), outcome.passed_over, outcome.once) == ([], {"automatic": 1}, mailgun.TOKEN)


def test_a_mail_that_sendgrid_sends_whole_is_read_whole() -> None:
    raw = (
        "From: Emily <emily@example.com>\r\nSubject: x\r\nMessage-ID: <m-9@example.com>\r\n"
        'Content-Type: multipart/alternative; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/html\r\n\r\n<p>no</p>\r\n--b\r\nContent-Type: text/plain\r\n\r\nyes\r\n--b--\r\n"
    )
    body = f'--xYzZY\r\nContent-Disposition: form-data; name="email"\r\n\r\n{raw}\r\n--xYzZY--\r\n'.encode()

    outcome = SENDGRID.receive(SENDGRID.request(body))

    (event,) = outcome.events
    assert (event.id, event.data["text"]) == ("m-9@example.com", "x\n\nyes")
    assert event.data["customer"] == {"email": "emily@example.com", "name": "Emily"}


def test_each_field_of_sendgrids_is_read_in_its_own_characters() -> None:
    body = SENDGRID.body.replace(b'"text":"utf-8"', b'"text":"gb2312"').replace(
        b"I was charged twice this month.", "扣了两次".encode("gb18030")
    )

    outcome = SENDGRID.receive(SENDGRID.request(body))

    assert outcome.events[0].data["text"] == "Double charge\n\n扣了两次"


def test_spam_is_counted_and_taken_where_the_options_say_so() -> None:
    body = SENDGRID.body.replace(b"\r\n0.1\r\n", b"\r\n7.3\r\n")

    counted = SENDGRID.receive(SENDGRID.request(body))
    taken = dataclasses.replace(SENDGRID, options=Mails(take_spam=True)).receive(SENDGRID.request(body))

    assert (counted.events, counted.passed_over) == ((), {"spam": 1})
    assert len(taken.events) == 1


def test_a_mail_without_an_id_is_known_by_its_content() -> None:
    body = SENDGRID.body.replace(b"Message-ID: <CAJ-example-0001@mail.example.com>\n", b"")
    other = body.replace(b"twice", b"thrice")

    first, again, another = (SENDGRID.receive(SENDGRID.request(one)).events[0].id for one in (body, body, other))

    assert first == again
    assert first != another
