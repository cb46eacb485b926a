"""WhatsApp: a text with and without a phone number, both kinds of buttons, a receipt."""

from datetime import UTC, datetime
from typing import Any

from services.ingest.adapters.conversations import Conversations
from services.ingest.adapters.meta import MetaSecrets
from tests.ingest.adapters.case import Case
from tests.ingest.adapters.cases.facebook_page import sign

SECRETS = MetaSecrets(app_secret="test-meta-app-secret", verify_token="test-verify-token")
AT = datetime(2026, 3, 19, 10, 5, tzinfo=UTC)
EMILY = {"id": "whatsapp:US.10000000000000000042", "phone": "+15550100042", "phone_verified": True, "name": "Emily Adams"}
ID = ["entry.changes.value.messages.id"]
RATING_ID = [
    *(f"entry.changes.value.messages.{member}" for member in ("interactive.button_reply.id", "button.payload", "from_user_id", "type")),
    "entry.changes.value.contacts.user_id",
]


def rating(time: str, revision: int, score: int, conversation: str) -> dict[str, Any]:
    return {
        "type": "feedback.survey_answered.v1",
        "id": f"csat:{conversation}:{EMILY['id']}",
        "time": time,
        "data": {
            "survey": "button_rating",
            "answers": [{"question": "csat", "instrument": "csat", "score": score, "scale_min": 1, "scale_max": 5}],
            "interaction_id": conversation,
            "revision": revision,
            "channel": "messaging",
            "customer": EMILY,
        },
    }


def case(sample: str, *expected: dict[str, Any], options: Conversations | None = None, name: str = "", **passed_over: int) -> Case:
    return Case(
        adapter="whatsapp",
        sample=f"whatsapp/{sample}.json",
        secrets=SECRETS,
        options=options or Conversations(),
        at=AT,
        sign=sign,
        identity=[*ID, *RATING_ID],
        expected=expected,
        passed_over=passed_over,
        name=name,
    )


CASES = [
    case(
        "message_text",
        {
            "type": "feedback.message_received.v1",
            "id": "wamid.RVhBTVBMRS0wMDAxAA==",
            "time": "2026-03-19T09:34:45+00:00",
            "data": {"text": "订单重复扣款了 😡", "thread": "US.10000000000000000042", "channel": "messaging", "customer": EMILY},
        },
    ),
    case(
        "message_text",
        {
            "type": "feedback.complaint_raised.v1",
            "id": "wamid.RVhBTVBMRS0wMDAxAA==",
            "time": "2026-03-19T09:34:45+00:00",
            "data": {"text": "订单重复扣款了 😡", "channel": "messaging", "customer": EMILY, "interaction_id": "US.10000000000000000042"},
        },
        options=Conversations(treat_as="complaint"),
        name="taken for a complaint",
    ),
    case(
        "message_text_no_phone_number",
        {
            "type": "feedback.message_received.v1",
            "id": "wamid.RVhBTVBMRS0wMDAyAA==",
            "time": "2026-03-19T09:36:30+00:00",
            "data": {
                "text": "Where is my parcel?",
                "thread": "US.10000000000000000043",
                "channel": "messaging",
                "customer": {"id": "whatsapp:US.10000000000000000043", "name": "Sam Lee"},
            },
        },
    ),
    case(
        "message_interactive_button_reply",
        rating("2026-03-19T10:02:41+00:00", 827229761, 5, "conv-1042"),
    ),
    case("message_template_quick_reply", rating("2026-03-19T10:02:50+00:00", 827229770, 2, "conv-1043")),
    case("status_delivered", receipt=1),
]
