"""The generic adapter with each scheme, over a batch of comments, a message with an epoch in milliseconds, a kiosk's faces, and a form."""

import base64
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from services.ingest.adapters.generic import Options
from services.ingest.adapters.mapping import Asked, EventMapping, Source
from services.ingest.adapters.schemes import Basic, HeaderToken, Hmac, QueryToken, Scheme, SchemeSecrets, StandardWebhooks
from tests.ingest.adapters.case import Case, Proof, Vector
from tests.ingest.adapters.signing import base64_hmac, hex_hmac

URL = "https://feedback.example.com/v1/channels/generic/01JPQ3M8K2N2P9X4ABCDEFGHJK"
AT = datetime(2026, 3, 19, 10, 5, tzinfo=UTC)
STAMP = str(int(AT.timestamp()))
SECRET = "test-generic-secret"
KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
JSON = {"content-type": "application/json"}

COMMENTS = (
    EventMapping(
        type="feedback.comment_posted",
        items="$.comments[*]",
        id=("$.idstr",),
        fields={
            "text": "$.text",
            "channel": Source(value="social"),
            "author": "$.user.screen_name",
            "reach": "$.user.followers_count",
            "reply_to": "$.status.idstr",
            "tags.verified": "$.user.verified",
            "customer.attributes.followers": "$.user.followers_count",
        },
    ),
)
COMMENT = {
    "type": "feedback.comment_posted.v1",
    "id": "5270000000000021",
    "time": "2026-03-19T10:05:00+00:00",
    "data": {
        "text": "等了三天还没退款",
        "channel": "social",
        "author": "示例用户",
        "reach": 204,
        "reply_to": "5270000000000001",
        "tags": {"verified": "false"},
        "customer": {"attributes": {"followers": 204}},
    },
}
MESSAGES = (
    EventMapping(
        type="feedback.message_received.v1",
        only_if={"$.events[0].message.type": ("TEXT",)},
        id=("$.events[0].source.userId", "$.events[0].message.id"),
        time="$.events[0].timestamp",
        time_written="milliseconds",
        revision="$.events[0].timestamp",
        fields={"text": "$.events[?@.type == 'message'].message.text", "channel": Source(value="messaging")},
    ),
)
MESSAGE = {
    "type": "feedback.message_received.v1",
    "id": "U00000000000000000000000000000042:444573844083572737",
    "time": "2026-03-19T09:34:45.123000+00:00",
    "data": {"text": "荷物が届きません😢 請求も二重です", "channel": "messaging", "revision": 827228085},
}
CALLS = (
    EventMapping(
        type="feedback.survey_answered",
        id=("$.CallSid",),
        fields={"survey": Source(value="ivr"), "channel": Source(value="phone"), "customer.phone": "$.From"},
        answers=(Asked(question="csat", instrument="csat", scale_min=1, scale_max=5, path="$.Digits"),),
    ),
)
FACES = (
    EventMapping(
        type="feedback.survey_answered",
        id=("$.answer",),
        time="$.at",
        fields={"survey": Source(value="kiosk"), "channel": Source(value="store")},
        answers=(
            Asked(question="face", instrument="csat", scale_min=1, scale_max=5, path="$.face"),
            Asked(question="courier", instrument="csat", scale_min=0, scale_max=5, path="$.courier", not_applicable=frozenset({"0"})),
            Asked(question="service", instrument="likert", scale_min=-5, scale_max=5, path="$.service"),
        ),
    ),
)
"""An id beyond 2^53, a time without a zone, a face, 0 for not applicable, points below nought."""


def token(_: bytes) -> Proof:
    return URL, {**JSON, "authorization": f"Bearer {SECRET}"}


def in_query(_: bytes) -> Proof:
    return f"{URL}?token={SECRET}", JSON


def basic(_: bytes) -> Proof:
    return URL, {**JSON, "authorization": "Basic " + base64.b64encode(b"sender:test-password").decode()}


def sha1(body: bytes) -> Proof:
    return URL, {**JSON, "x-hub-signature": "sha1=" + hex_hmac(SECRET, body, "sha1")}


def sha512(body: bytes) -> Proof:
    return URL, {**JSON, "x-signature": base64_hmac(SECRET, body, "sha512")}


def stamped(body: bytes) -> Proof:
    return URL, {**JSON, "x-time": STAMP, "x-signature": "v0=" + hex_hmac(SECRET, b"v0:" + STAMP.encode() + b":" + body)}


def standard(body: bytes) -> Proof:
    """https://www.standardwebhooks.com, with a signature of the key before beside the right one."""
    right = base64_hmac(base64.b64decode(KEY.removeprefix("whsec_")), b"msg_1." + STAMP.encode() + b"." + body)
    headers = {"webhook-id": "msg_1", "webhook-timestamp": STAMP, "webhook-signature": f"v1,{base64_hmac('old', body)} v1,{right}"}
    return URL, {**JSON, **headers}


def form_token(_: bytes) -> Proof:
    return f"{URL}?token={SECRET}", {"content-type": "application/x-www-form-urlencoded"}


def case(name: str, scheme: Scheme, sign: object, *, secret: str = SECRET, stamp: bool = False, covers_body: bool = True) -> Case:
    return Case(
        adapter="generic",
        sample="generic/messages.json",
        name=f"by {name}",
        secrets=SchemeSecrets(secret=secret),
        options=Options(scheme=scheme, events=MESSAGES),
        at=AT,
        sign=sign,  # type: ignore[arg-type]
        covers_body=covers_body,
        timestamped=stamp,
        identity=["events.source.userId", "events.message.id"],
        expected=[MESSAGE],
    )


CASES = [
    Case(
        adapter="generic",
        sample="generic/comments.json",
        secrets=SchemeSecrets(secret=SECRET),
        options=Options(scheme=HeaderToken(header="Authorization", prefix="Bearer "), events=COMMENTS),
        at=AT,
        sign=token,
        covers_body=False,
        identity=["comments.idstr"],
        expected=[COMMENT],
    ),
    Case(
        adapter="generic",
        sample="generic/keypad.txt",
        name="a form",
        secrets=SchemeSecrets(secret=SECRET),
        options=Options(scheme=QueryToken(), events=CALLS),
        at=AT,
        sign=form_token,
        media="form",
        covers_body=False,
        identity=["CallSid"],
        expected=[
            {
                "type": "feedback.survey_answered.v1",
                "id": "CA0123456789abcdef0123456789abcdef",
                "time": "2026-03-19T10:05:00+00:00",
                "data": {
                    "survey": "ivr",
                    "channel": "phone",
                    "customer": {"phone": "+14158675309"},
                    "answers": [{"question": "csat", "instrument": "csat", "score": 4, "scale_min": 1, "scale_max": 5}],
                },
            }
        ],
    ),
    Case(
        adapter="generic",
        sample="generic/kiosk.json",
        secrets=SchemeSecrets(secret=SECRET),
        options=Options(scheme=QueryToken(), events=FACES),
        zone=ZoneInfo("Asia/Shanghai"),
        at=AT,
        sign=in_query,
        covers_body=False,
        identity=["answer"],
        expected=[
            {
                "type": "feedback.survey_answered.v1",
                "id": "9007199254740993123",
                "time": "2026-03-19T09:30:00+00:00",
                "data": {
                    "survey": "kiosk",
                    "channel": "store",
                    "answers": [
                        {"question": "face", "instrument": "csat", "score": 5, "scale_min": 1, "scale_max": 5, "choice": "😍"},
                        {"question": "service", "instrument": "likert", "score": -3.5, "scale_min": -5, "scale_max": 5},
                    ],
                },
            }
        ],
    ),
    case("a token in the query", QueryToken(), in_query, covers_body=False),
    case("Basic", Basic(), basic, secret="sender:test-password", covers_body=False),
    case("HMAC-SHA1", Hmac(header="X-Hub-Signature", algorithm="sha1", prefix="sha1="), sha1),
    case("HMAC-SHA512 in base64", Hmac(algorithm="sha512", written="base64"), sha512),
    case("an HMAC with a timestamp", Hmac(prefix="v0=", timestamp_header="X-Time", before="v0:", between=":"), stamped, stamp=True),
    case("Standard Webhooks", StandardWebhooks(), standard, secret=KEY, stamp=True),
]

VECTORS = [
    Vector(
        adapter="generic",
        secrets=SchemeSecrets(secret=KEY),
        options=Options(scheme=StandardWebhooks(), events=MESSAGES),
        at=datetime.fromtimestamp(1614265330 + late, UTC),
        url=URL,
        headers={
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
        body=b'{"test": 2432232314}',
        holds=late < 300,
        name=f"Standard Webhooks, {late} s later",
    )
    for late in (0, 301)
]
