"""Messenger: a text, a rating by button, what our own app sent, a receipt."""

from datetime import UTC, datetime
from typing import Any

from services.ingest.adapters.meta import MetaSecrets
from services.ingest.adapters.meta_messages import MessageOptions
from tests.ingest.adapters.case import Case, event
from tests.ingest.adapters.cases.facebook_page import sign

EMILY: dict[str, Any] = {"channel": "messaging", "customer": {"id": "messenger:7000000000000042"}}
ECHO = ["entry.messaging.message.mid", "entry.messaging.message.is_echo", "entry.messaging.message.app_id"]


def case(sample: str, *identity: str, options: MessageOptions | None = None, **more: Any) -> Case:
    """A signed request."""
    return Case(
        adapter="messenger",
        sample=f"messenger/{sample}.json",
        secrets=MetaSecrets(app_secret="test-meta-app-secret", verify_token="test-verify-token"),
        options=options or MessageOptions(),
        at=datetime(2026, 3, 19, 10, 5, tzinfo=UTC),
        sign=sign,
        identity=identity,
        **more,
    )


CASES = [
    case(
        "message_text",
        "entry.messaging.message.mid",
        expected=[
            event(
                "feedback.message_received",
                "m_EXAMPLE-mid-0001",
                "09:34:45.123000",
                text="Ma facture est fausse, ça fait deux fois déjà",
                thread="7000000000000042",
                **EMILY,
            )
        ],
    ),
    case(
        "postback_csat",
        "entry.messaging.postback.payload",
        "entry.messaging.sender.id",
        expected=[
            event(
                "feedback.survey_answered",
                "csat:conv-1042:messenger:7000000000000042",
                "10:02:41.123000",
                revision=827229761,
                survey="button_rating",
                answers=[{"question": "csat", "instrument": "csat", "score": 5, "scale_min": 1, "scale_max": 5}],
                interaction_id="conv-1042",
                **EMILY,
            )
        ],
    ),
    case("message_echo", *ECHO, passed_over={"own_words": 1}),
    case(
        "message_echo",
        "entry.messaging.message.mid",
        name="of a help desk's app",
        options=MessageOptions(apps_of_people=frozenset({"900000000000001"})),
        expected=[
            event(
                "interaction.replied",
                "m_EXAMPLE-mid-0003",
                "09:42:00.123000",
                by="human",
                public=True,
                text="Sorry, we are looking into it.",
                thread="7000000000000042",
                **EMILY,
            )
        ],
    ),
    case("message_read", passed_over={"receipt": 1}),
]
