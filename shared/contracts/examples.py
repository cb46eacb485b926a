"""One valid event of every type that clients may send, as they would send it: for the API's description and for tests."""

from typing import Any

_CUSTOMER = {"id": "c-1042", "email": "mei.lin@example.com", "email_verified": True, "segment": "private", "preferred_channel": "email"}
_COMMON = {"channel": "phone", "customer": _CUSTOMER, "product": "card", "region": "north", "language": "en"}

_DATA: dict[str, dict[str, Any]] = {
    "feedback.survey_sent.v1": {**_COMMON, "survey": "after-call", "invitation": "inv-7", "mode": "after"},
    "feedback.survey_opened.v1": {**_COMMON, "survey": "after-call", "invitation": "inv-7", "mode": "after"},
    "feedback.survey_failed.v1": {**_COMMON, "survey": "after-call", "invitation": "inv-7", "reason": "mailbox full"},
    "feedback.survey_answered.v1": {
        **_COMMON,
        "survey": "after-call",
        "invitation": "inv-7",
        "answers": [
            {"question": "recommend", "instrument": "nps", "score": 9},
            {"question": "satisfied", "instrument": "csat", "score": 4, "scale_min": 1, "scale_max": 5},
            {"question": "effort", "instrument": "ces", "score": 2, "scale_min": 1, "scale_max": 7, "polarity": "effort"},
            {
                "question": "speed",
                "instrument": "likert",
                "score": 3,
                "scale_min": 1,
                "scale_max": 5,
                "dimension": "speed",
                "importance": 5,
            },
            {"question": "solved", "instrument": "yes_no", "score": 1},
            {"question": "why", "instrument": "choice", "choice": "price"},
            {"question": "more", "instrument": "text", "text": "The agent called back as promised."},
        ],
        "comment": "Quick and friendly.",
    },
    "feedback.complaint_raised.v1": {
        **_COMMON,
        "text": "I was charged twice for the same booking.",
        "category": "billing",
        "severity": "high",
        "remedy_sought": "refund",
        "received_at": "2026-02-27",
        "jurisdiction": "uk-fca",
    },
    "feedback.comment_posted.v1": {
        **_COMMON,
        "channel": "review",
        "text": "Good service, slow delivery.",
        "kind": "comment",
        "rating": 4,
        "scale_min": 1,
        "scale_max": 5,
        "url": "https://reviews.example.com/88",
        "author": "M. L.",
        "reach": 1200,
    },
    "feedback.idea_submitted.v1": {**_COMMON, "channel": "web", "text": "Let me choose the hour of a call-back.", "votes": 12},
    "feedback.message_received.v1": {
        **_COMMON,
        "channel": "email",
        "text": "Any news about my refund?",
        "thread": "t-55",
        "case": "case-9",
    },
    "feedback.observed.v1": {
        **_COMMON,
        "channel": "store",
        "method": "mystery_shopper",
        "text": "Greeted after four minutes.",
        "scores": [{"dimension": "responsiveness", "score": 2, "scale_min": 1, "scale_max": 5}],
    },
    "interaction.replied.v1": {
        **_COMMON,
        "channel": "email",
        "by": "human",
        "public": True,
        "person": "a.ortiz",
        "text": "We refund the second charge.",
        "case": "case-9",
        "next_step": "Refund to your card",
        "promised_at": "2026-03-04T16:00:00Z",
    },
    "interaction.completed.v1": {
        **_COMMON,
        "direction": "inbound",
        "category": "billing",
        "wait_seconds": 41.5,
        "handle_seconds": 312,
        "abandoned": False,
        "transfers": 1,
        "handled_by": "human",
        "handed_over": False,
        "resolved_on_first_contact": True,
        "cost": 4.2,
        "currency": "EUR",
    },
    "message.delivery_failed.v1": {**_COMMON, "channel": "mail", "invitation": "inv-7", "reason": "550 no such user", "permanent": True},
    "customer.purchased.v1": {**_COMMON, "channel": "web", "amount": 89.9, "currency": "EUR", "category": "travel"},
    "customer.renewed.v1": {**_COMMON, "channel": "app", "amount": 12, "currency": "EUR", "period": "P1M"},
    "customer.churned.v1": {**_COMMON, "channel": "app", "amount": 12, "currency": "EUR", "period": "P1M"},
    "customer.referred.v1": {**_COMMON, "channel": "web", "referred_customer": "c-2077"},
}

EXAMPLES: dict[str, dict[str, Any]] = {
    name: {"type": name, "id": f"example-{number}", "source": "/crm", "time": "2026-03-01T10:30:00+01:00", "data": data}
    for number, (name, data) in enumerate(_DATA.items(), start=1)
}
"""Event type → the shorthand form of one event."""
