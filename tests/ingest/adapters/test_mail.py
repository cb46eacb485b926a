"""What mails amount to, alike for every mail vendor: a customer's words, machines' words, and what did not arrive."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from services.ingest.adapters.adapter import ChannelEvent, Unreadable
from services.ingest.adapters.mail import Mails, Received, about, failures, found_in
from services.ingest.adapters.mime import Failed, headers_of, in_charset, mail_in
from services.ingest.adapters.node import Node
from shared.contracts.identity import address_hash
from shared.delivery.delivery import Delivery
from shared.delivery.mail import Mail, MailSender, MailTarget, SmtpServer
from tests.ingest.adapters.case import UTC_ZONE
from tests.ingest.adapters.judging import take

AT = datetime(2026, 3, 19, 9, 34, 46, tzinfo=UTC)
HEAD = """From: =?utf-8?b?546L5bCP5piO?= <wang@example.cn>
To: complaints@example.org
Subject: {subject}
Message-ID: <m-2@example.cn>
Date: Thu, 19 Mar 2026 17:34:44 +0800
"""
PLAIN = "Content-Type: text/plain; charset=utf-8\n"


def found(mail: str, options: Mails | None = None) -> Sequence[Any]:
    """What a mail amounts to, and that ingest takes it."""
    items = found_in(Received(mail_in(mail.encode()), "m-2@example.cn", AT), options or Mails(), UTC_ZONE)
    take([item for item in items if isinstance(item, ChannelEvent)], AT)
    return items


def mail(body: str, *headers: str, subject: str = "Double charge", kind: str = PLAIN) -> str:
    """A customer's mail."""
    return HEAD.format(subject=subject) + "".join(f"{header}\n" for header in headers) + kind + "\n" + body


def test_the_first_mail_of_a_conversation_says_its_subject_and_its_text() -> None:
    (event,) = found(mail("两次扣款。\n"))

    assert event.type == "feedback.message_received.v1"
    assert event.data["text"] == "Double charge\n\n两次扣款。"
    assert event.data["thread"] == "m-2@example.cn"
    assert event.data["customer"] == {"email": "wang@example.cn", "name": "王小明"}
    assert event.time == datetime(2026, 3, 19, 9, 34, 44, tzinfo=UTC)


def test_an_answer_joins_the_thread_it_refers_to_and_says_only_what_is_new() -> None:
    body = "Still not solved.\n\nOn Thu, 19 Mar 2026 at 10:00, Support\n<support@example.org> wrote:\n> We have refunded you.\n"
    headers = ("In-Reply-To: <ours-9@example.org>", "References: <m-1@example.cn> <ours-9@example.org>")

    (event,) = found(mail(body, *headers, subject="Re: Double charge"))

    assert (event.data["text"], event.data["thread"]) == ("Still not solved.", "m-1@example.cn")


def test_a_subject_that_names_a_case_ties_the_message_to_it() -> None:
    (event,) = found(mail("Any news?", subject="Re: Your complaint [case 0190f3c2-7c1e]"))

    assert (event.type, event.data["case"]) == ("feedback.message_received.v1", "0190f3c2-7c1e")


def test_where_mails_are_complaints_the_first_opens_one_and_an_answer_does_not() -> None:
    options = Mails(treat_as="complaint")

    (first,) = found(mail("Twice charged."), options)
    (answer,) = found(mail("Thanks.", "In-Reply-To: <ours-9@example.org>", subject="Re: Double charge"), options)

    assert (first.type, answer.type) == ("feedback.complaint_raised.v1", "feedback.message_received.v1")


def test_a_mail_of_html_alone_becomes_the_text_that_its_reader_sees() -> None:
    html = (
        "<html><head><title>x</title><style>p {}</style></head><body><span style='display: none'>unseen</span>"
        "<p>Twice&nbsp;charged &amp; angry</p><ul><li>one</li></ul><script>if (a < b) alert('<p>')</script>"
        "<div class='gmail_quote'><p>We have refunded you.</p></div></body></html>"
    )

    (event,) = found(mail(html, kind="Content-Type: text/html; charset=utf-8\n"))

    assert event.data["text"] == "Double charge\n\nTwice charged & angry\n\none"


def test_a_mail_in_gb2312_is_read_in_its_own_characters() -> None:
    raw = (HEAD.format(subject="x") + "Content-Type: text/plain; charset=gb2312\n\n").encode() + "客服态度很差".encode("gb18030")

    (event,) = found_in(Received(mail_in(raw), "m-2@example.cn", AT), Mails(), UTC_ZONE)

    assert isinstance(event, ChannelEvent)
    assert event.data["text"] == "x\n\n客服态度很差"


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ("New.\r\n-- \r\nEmily\r\n+49 30 1", "New."),
        ("Neu.\n\nAm 19.03.26 um 10:00 schrieb Support <s@example.org>:\n> alt", "Neu."),
        ("新的。\n\n在 2026年3月19日，客服 <s@example.org> 写道：\n> 旧的", "新的。"),
        ("New.\n\n-----Original Message-----\nFrom: Support\nSent: Thursday\n\nold", "New."),
        ("New.\n\n发件人: 客服\n发送时间: 2026年3月19日\n\n旧的", "New."),
        ("> old\nNew, below.", "> old\nNew, below."),
        (
            "---------- Forwarded message ---------\nFrom: Shop\n\nonly this",
            "---------- Forwarded message ---------\nFrom: Shop\n\nonly this",
        ),
    ],
)
def test_quoted_history_and_signatures_are_left_out_but_never_everything(body: str, kept: str) -> None:
    (event,) = found(mail(body, "In-Reply-To: <ours-9@example.org>"))

    assert event.data["text"] == kept


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("Auto-Submitted: auto-replied; owner-email=x", "automatic"),
        ("X-Autoreply: yes", "automatic"),
        ("Precedence: bulk", "automatic"),
        ("Return-Path: <>", "delivery_status"),
    ],
)
def test_what_a_machine_answers_is_never_feedback(header: str, reason: str) -> None:
    assert found(mail("I am out of office.", header)) == [reason]


def test_a_person_who_writes_through_a_mailing_list_is_heard() -> None:
    (event,) = found(mail("Twice charged.", "Auto-Submitted: no", "Precedence: list", "List-Id: <support.example.org>"))

    assert event.type == "feedback.message_received.v1"


def test_our_own_mails_to_customers_are_replies_and_those_among_us_are_nothing() -> None:
    options = Mails(own_domains=("example.cn",))

    (reply,) = found(mail("We have refunded you.", "In-Reply-To: <m-1@example.com>"), options)
    nothing = found(mail("Who takes this?"), Mails(own_domains=("example.cn", "example.org")))

    assert (reply.type, reply.data["by"], reply.data["thread"]) == ("interaction.replied.v1", "human", "m-1@example.com")
    assert nothing == ["own_words"]


def test_a_clock_that_is_ahead_or_far_behind_does_not_date_a_mail() -> None:
    ahead = found(mail("x").replace("19 Mar 2026", "19 Mar 2036"))
    behind = found(mail("x").replace("19 Mar 2026", "19 Mar 1996"))

    assert [event.time for event in (*ahead, *behind)] == [AT, AT]


STATUS = """From: MAILER-DAEMON@mx.example.com
To: complaints@example.org
Subject: Undelivered Mail Returned to Sender
Content-Type: multipart/report; report-type=delivery-status; boundary="b"
MIME-Version: 1.0

--b
Content-Type: text/plain

I am sorry.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.com

Final-Recipient: rfc822; Emily@example.com
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 5.1.1 <emily@example.com> user unknown

--b
Content-Type: {returned}

From: complaints@example.org
To: emily@example.com
Subject: Your complaint
{ours}

Hello
--b--
"""


@pytest.mark.parametrize("returned", ["message/rfc822", "text/rfc822-headers"])
@pytest.mark.parametrize(("status", "permanent"), [("5.1.1", True), ("4.4.7", False)])
def test_a_mail_of_ours_that_came_back_tells_its_case_and_never_the_address(returned: str, status: str, permanent: bool) -> None:
    (event,) = found(STATUS.format(action="failed", status=status, returned=returned, ours="Hearback-Case: 0190f3c2-7c1e"))

    assert event.type == "message.delivery_failed.v1"
    assert event.data == {
        "channel": "email",
        "case": "0190f3c2-7c1e",
        "address_hash": address_hash("emily@example.com"),
        "reason": status,
        "permanent": permanent,
    }


def delivery(body: bytes) -> Delivery:
    """A mail of ours as it is about to be sent."""
    return Delivery(uuid4(), "acme", "i-7", "emily", "survey", 1, body, "pending", 1, 0, AT, AT, AT)


def test_an_invitation_of_ours_that_came_back_is_known_by_what_our_mails_carry() -> None:
    sender = MailSender(SmtpServer(host="mail.example.org", sender="complaints@example.org"), lambda: AT)
    body = Mail("How was it?", "Hello", invitation="i-7").encode()
    ours = sender.message(MailTarget(("emily@example.com",)), delivery(body))

    (event,) = found(
        STATUS.format(
            action="failed", status="5.1.1", returned="message/rfc822", ours=f"Hearback-Invitation: {ours['Hearback-Invitation']}"
        )
    )

    assert event.data["invitation"] == "i-7"


@pytest.mark.parametrize(
    ("host", "header", "told"),
    [
        ("smtp.sendgrid.net", "X-SMTPAPI", lambda header: header["unique_args"]),
        ("smtp.eu.mailgun.org", "X-Mailgun-Variables", lambda header: header),
    ],
)
def test_a_mail_service_is_told_what_to_repeat_when_our_mail_does_not_arrive(host: str, header: str, told: Any) -> None:
    sender = MailSender(SmtpServer(host=host, sender="complaints@example.org"), lambda: AT)
    body = Mail("How was it?", "Hello", invitation="i-7").encode()
    ours = sender.message(MailTarget(("emily@example.com",)), delivery(body))

    (failure,) = failures("f-1", AT, [Failed("emily@example.com", "5.1.1", permanent=True)], about(Node(told(json.loads(ours[header])))))

    assert failure.data["invitation"] == "i-7"


@pytest.mark.parametrize(("action", "ours"), [("delayed", "Hearback-Case: 0190f3c2-7c1e"), ("failed", "X-Mailer: x")])
def test_a_delay_or_a_foreign_mail_that_came_back_is_counted_only(action: str, ours: str) -> None:
    assert found(STATUS.format(action=action, status="5.1.1", returned="message/rfc822", ours=ours)) == ["delivery_status"]


@pytest.mark.parametrize(
    "sender", ["(" * 5000, "<" * 5000, '"' * 5000, "=?utf-8?b?//8=?= <a@b>", "=?undefined?q?x?= <a@b>"], ids=lambda text: text[:10]
)
def test_a_sender_that_is_no_address_does_not_keep_a_mail_from_being_read(sender: str) -> None:
    (event,) = found(mail("Twice charged.").replace("=?utf-8?b?546L5bCP5piO?= <wang@example.cn>", sender))

    assert event.data["text"] == "Double charge\n\nTwice charged."


def test_a_mail_that_is_nested_beyond_reason_is_unreadable() -> None:
    nested = "".join(f'Content-Type: multipart/mixed; boundary="b{depth}"\n\n--b{depth}\n' for depth in range(3000))

    with pytest.raises(Unreadable, match="nested too deep"):
        mail_in(nested.encode())


def test_a_long_mail_of_many_parts_inside_each_other_is_not_looked_through_for_minutes() -> None:
    nested = "".join(f'Content-Type: multipart/mixed; boundary="b{depth}"\n\n--b{depth}\n' for depth in range(200))

    for line_end in ("\n", "\r"):
        with pytest.raises(Unreadable, match="nested too deep"):
            mail_in((nested + line_end * 100_000).encode())


def test_a_large_mail_with_its_files_is_read() -> None:
    file = "--out\nContent-Type: application/pdf\nContent-Transfer-Encoding: base64\n\n" + f"{'A' * 76}\n" * 30_000
    kinds = ("Content-Type: multipart/mixed; boundary=out\n", "\n--out\nContent-Type: multipart/alternative; boundary=in\n")

    (event,) = found(mail(f"--in\n{PLAIN}\nSee the file.\n--in--\n{file}--out--\n", kind="".join(kinds)))

    assert event.data["text"] == "Double charge\n\nSee the file."


@pytest.mark.parametrize(
    ("charset", "text"),
    [("GB2312", "朱镕基"), ("gbk", "朱镕基"), ("punycode", "a-b"), ("idna", "xn--a-b"), ("hex", "6162"), ("no such", "a"), (None, "é")],
)
def test_a_text_is_read_in_its_character_set_or_in_utf_8(charset: str | None, text: str) -> None:
    sent = text.encode("gb18030" if charset in ("GB2312", "gbk") else "utf-8")

    assert in_charset(sent, charset) == text


def test_of_addresses_in_thousands_only_the_first_are_read() -> None:
    senders = [("from", "someone@example.com, " * 1000)] * 400

    assert 20 < len(headers_of(senders).addresses("from")) < 2000


def test_a_customer_who_sends_us_a_report_of_a_failure_is_heard() -> None:
    report = STATUS.format(action="failed", status="5.1.1", returned="message/rfc822", ours="Hearback-Case: 0190f3c2-7c1e")
    body = f"--m\n{PLAIN}\nYour mails do not reach me.\n--m\nContent-Type: message/rfc822\n\n{report}\n--m--\n"

    (event,) = found(mail(body, kind='Content-Type: multipart/mixed; boundary="m"\n'))

    assert event.data["text"] == "Double charge\n\nYour mails do not reach me."


def test_of_several_senders_none_is_verified() -> None:
    two = mail("x").replace("To:", "From: boss@example.cn\nTo:")

    (one,), (other,) = (found_in(Received(mail_in(raw.encode()), "m-2", AT, authentic=True), Mails(), UTC_ZONE) for raw in (mail("x"), two))

    assert isinstance(one, ChannelEvent)
    assert isinstance(other, ChannelEvent)
    assert (one.data["customer"].get("email_verified"), other.data["customer"].get("email_verified")) == (True, None)
