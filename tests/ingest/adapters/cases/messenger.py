"""Messenger: a text, a rating by button, what our own app sent, a receipt."""

from datetime import UTC, datetime

from services.ingest.adapters.meta import MetaSecrets
from services.ingest.adapters.meta_messages import MessageOptions
from tests.ingest.adapters.case import Case
from tests.ingest.adapters.cases.facebook_page import sign

SECRETS = MetaSecrets(app_secret="test-meta-app-secret", verify_token="test-verify-token")
OPTIONS = MessageOptions()
AT = datetime(2026, 3, 19, 10, 5, tzinfo=UTC)

CASES = [
    Case(
        adapter="messenger",
        sample="messenger/message_text.json",
        secrets=SECRETS,
        options=OPTIONS,
        at=AT,
        sign=sign,
        identity=["entry.messaging.message.mid"],
        expected=[
            {
                "type": "feedback.message_received.v1",
                "id": "m_EXAMPLE-mid-0001",
                "time": "2026-03-19T09:34:45.123000+00:00",
                "data": {
                    "text": "Ma facture est fausse, ça fait deux fois déjà",
                    "thread": "7000000000000042",
                    "channel": "messaging",
                    "customer": {"id": "messenger:7000000000000042"},
                },
            }
        ],
    ),
    Case(
        adapter="messenger",
        sample="messenger/postback_csat.json",
        secrets=SECRETS,
        options=OPTIONS,
        at=AT,
        sign=sign,
        identity=["entry.messaging.postback.mid"],
        expected=[
            {
                "type": "feedback.survey_answered.v1",
                "id": "m_EXAMPLE-mid-0002",
                "time": "2026-03-19T10:02:41.123000+00:00",
                "data": {
                    "survey": "button_rating",
                    "answers": [{"question": "csat", "instrument": "csat", "score": 5, "scale_min": 1, "scale_max": 5}],
                    "interaction_id": "conv-1042",
                    "channel": "messaging",
                    "customer": {"id": "messenger:7000000000000042"},
                },
            }
        ],
    ),
    Case(
        adapter="messenger",
        sample="messenger/message_echo.json",
        secrets=SECRETS,
        options=OPTIONS,
        at=AT,
        sign=sign,
        identity=["entry.messaging.message.mid", "entry.messaging.message.is_echo", "entry.messaging.message.app_id"],
        passed_over={"own_words": 1},
    ),
    Case(
        adapter="messenger",
        sample="messenger/message_echo.json",
        name="of a help desk's app",
        secrets=SECRETS,
        options=MessageOptions(apps_of_people=frozenset({"900000000000001"})),
        at=AT,
        sign=sign,
        identity=["entry.messaging.message.mid"],
        expected=[
            {
                "type": "interaction.replied.v1",
                "id": "m_EXAMPLE-mid-0003",
                "time": "2026-03-19T09:42:00.123000+00:00",
                "data": {
                    "by": "human",
                    "public": True,
                    "text": "Sorry, we are looking into it.",
                    "thread": "7000000000000042",
                    "channel": "messaging",
                    "customer": {"id": "messenger:7000000000000042"},
                },
            }
        ],
    ),
    Case(
        adapter="messenger",
        sample="messenger/message_read.json",
        secrets=SECRETS,
        options=OPTIONS,
        at=AT,
        sign=sign,
        passed_over={"receipt": 1},
    ),
]
