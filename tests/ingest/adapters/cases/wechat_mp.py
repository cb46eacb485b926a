"""WeChat official account: a text in plain, compatible and safe mode, a menu button, the check of the URL; Tencent's worked examples."""

import re
from datetime import UTC, datetime
from urllib.parse import urlencode

from services.ingest.adapters.adapter import Answer
from services.ingest.adapters.conversations import Conversations
from services.ingest.adapters.wechat_mp import Secrets
from tests.ingest.adapters.case import Case, Proof, Seal, Vector
from tests.ingest.adapters.sealing import encrypted, opened
from tests.ingest.adapters.signing import sorted_sha1

TOKEN, AES_KEY, APP_ID = "testmptoken", "9Ippu9gDbanqYDEJAfGBY0zVBOcl1MmybtfYKRKREMk", "wx0123456789abcdef"
PLAIN = Secrets(token=TOKEN)
SAFE = Secrets(token=TOKEN, encoding_aes_key=AES_KEY, app_id=APP_ID)
URL = "https://feedback.example.com/v1/channels/wechat_mp/01JPQ3M8K2N2P9X4ABCDEFGHJK"
XML = {"content-type": "text/xml"}
SUCCESS = Answer(body=b"success")
MESSAGE = {
    "type": "feedback.message_received.v1",
    "id": "23456789012345678",
    "time": "2026-03-19T09:34:45+00:00",
    "data": {
        "text": "快递员态度很差，要投诉😡",
        "thread": "oEXAMPLE0000000000000000001",
        "channel": "messaging",
        "customer": {"id": "wechat:oEXAMPLE0000000000000000001"},
    },
}
WHO = ["MsgId", "FromUserName", "CreateTime", "MsgType", "Event", "EventKey"]


def plainly(timestamp: str, nonce: str, **more: str) -> dict[str, str]:
    return {"signature": sorted_sha1(TOKEN, timestamp, nonce), "timestamp": timestamp, "nonce": nonce, **more}


def sign_text(_: bytes) -> Proof:
    return f"{URL}?{urlencode(plainly('1773912885', '486452656', openid='oEXAMPLE0000000000000000001'))}", XML


def sign_click(_: bytes) -> Proof:
    return f"{URL}?{urlencode(plainly('1773914561', '486452657', openid='oEXAMPLE0000000000000000001'))}", XML


def sign_safely(body: bytes) -> Proof:
    """The signature that covers Encrypt; the other one is sent as well, and must not be enough."""
    found = re.search(rb"<Encrypt><!\[CDATA\[([^\]]*)", body)
    sealed = found[1].decode("latin-1") if found else ""
    query = plainly("1773912886", "415670741", openid="oEXAMPLE0000000000000000001", encrypt_type="aes")
    return f"{URL}?{urlencode({**query, 'msg_signature': sorted_sha1(TOKEN, '1773912886', '415670741', sealed)})}", XML


def ask(query: bytes) -> Proof:
    return f"{URL}?{query.decode('latin-1')}", {}


def close(content: bytes) -> bytes:
    sealed = encrypted(content, AES_KEY, APP_ID)
    return f"<xml><ToUserName><![CDATA[gh_0123456789ab]]></ToUserName><Encrypt><![CDATA[{sealed}]]></Encrypt></xml>".encode()


def unseal(body: bytes) -> bytes:
    found = re.search(rb"<Encrypt><!\[CDATA\[([^\]]*)", body)
    assert found
    return opened(found[1].decode(), AES_KEY)


CASES = [
    Case(
        adapter="wechat_mp",
        sample="wechat_mp/text_message_plain.xml",
        secrets=PLAIN,
        options=Conversations(),
        at=datetime(2026, 3, 19, 9, 34, 50, tzinfo=UTC),
        sign=sign_text,
        media="xml",
        answer=SUCCESS,
        covers_body=False,
        timestamped=True,
        identity=WHO,
        expected=[MESSAGE],
    ),
    Case(
        adapter="wechat_mp",
        sample="wechat_mp/text_message_encrypted.xml",
        secrets=SAFE,
        options=Conversations(),
        at=datetime(2026, 3, 19, 9, 34, 50, tzinfo=UTC),
        sign=sign_safely,
        media="xml",
        seal=Seal(unseal, close),
        answer=SUCCESS,
        covers_body=False,
        timestamped=True,
        identity=WHO,
        expected=[MESSAGE],
    ),
    Case(
        adapter="wechat_mp",
        sample="wechat_mp/event_click_plain.xml",
        secrets=PLAIN,
        options=Conversations(),
        at=datetime(2026, 3, 19, 10, 2, 45, tzinfo=UTC),
        sign=sign_click,
        media="xml",
        answer=SUCCESS,
        covers_body=False,
        timestamped=True,
        identity=WHO,
        expected=[
            {
                "type": "feedback.survey_answered.v1",
                "id": "oEXAMPLE0000000000000000001:1773914561:csat_5",
                "time": "2026-03-19T10:02:41+00:00",
                "data": {
                    "survey": "button_rating",
                    "answers": [{"question": "csat", "instrument": "csat", "score": 5, "scale_min": 1, "scale_max": 5}],
                    "channel": "messaging",
                    "customer": {"id": "wechat:oEXAMPLE0000000000000000001"},
                },
            }
        ],
    ),
    Case(
        adapter="wechat_mp",
        sample="wechat_mp/get_verification.txt",
        secrets=PLAIN,
        options=Conversations(),
        at=datetime(2026, 3, 19, 9, 20, tzinfo=UTC),
        sign=ask,
        method="GET",
        media="none",
        answer=Answer(body=b"5837397576500011341"),
        timestamped=True,
        proof_members=["signature", "timestamp", "nonce"],
    ),
]

_DOCUMENTED = Secrets(token="AAAAA", encoding_aes_key="A" * 43, app_id="wxba5fad812f8e6fb9")
_SEALED = (
    "+qdx1OKCy+5JPCBFWw70tm0fJGb2Jmeia4FCB7kao+/Q5c/ohsOzQHi8khUOb05JCpj0JB4RvQMkUyus8TPxLKJGQqcvZqzDpVzazhZv6JsXUnnR8XGT740XgXZUXQ7vJVnA"
    "G+tE8NUd4yFyjPy7GgiaviNrlCTj+l5kdfMuFUPpRSrfMZuMcp3Fn2Pede2IuQrKEYwKSqFIZoNqJ4M8EajAsjLY2km32IIjdf8YL/P50F7mStwntrA2cPDrM1kb6mOcfBgR"
    "tWygb3VIYnSeOBrebufAlr7F9mFUPAJGj04="
)
_REPLY = "ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ=="
_LEFT_OUT = "899cf89e464efb63f54ddac96b0a0a235f53aa78"


def _documented(number: int, at: int, query: dict[str, str], body: str = "", *, holds: bool = True, **more: object) -> Vector:
    return Vector(
        adapter="wechat_mp",
        official="wechat_mp",
        number=number,
        secrets=_DOCUMENTED if "msg_signature" in query or "forced" in more else Secrets(token="AAAAA"),
        options=Conversations(),
        at=datetime.fromtimestamp(at, UTC),
        url=f"{URL}?{urlencode({'timestamp': str(at), **query})}",
        headers=XML,
        body=body.encode(),
        holds=holds,
        method="GET" if "echostr" in query else "POST",
        answer=Answer(body=query["echostr"].encode()) if "echostr" in query else None,
        name=str(more.get("name", "")),
    )


VECTORS = [
    _documented(
        0,
        1714036504,
        {"nonce": "1514711492", "echostr": "4375120948345356249", "signature": "f464b24fc39322e44b38aa78f5edd27bd1441696"},
    ),
    _documented(1, 1714037059, {"nonce": "486452656", "signature": _LEFT_OUT}, "<xml/>"),
    _documented(
        2,
        1714112445,
        {"nonce": "415670741", "msg_signature": "046e02f8204d34f8ba5fa3b1db94908f3df2e9b3"},
        f"<xml><Encrypt>{_SEALED}</Encrypt></xml>",
    ),
    _documented(
        2,
        1714112445,
        {"nonce": "415670741", "msg_signature": "6c5c811b55cc85e0e1b54100749188c20beb3f5d"},
        f"<xml><Encrypt>{_SEALED}</Encrypt></xml>",
        holds=False,
        name="the signature that does not cover Encrypt",
    ),
    _documented(
        2,
        1714112445,
        {"nonce": "415670741", "signature": "6c5c811b55cc85e0e1b54100749188c20beb3f5d"},
        "<xml><Content>forged</Content></xml>",
        holds=False,
        forced=True,
        name="unencrypted, where encryption is set",
    ),
    _documented(
        3,
        1713424427,
        {"nonce": "415670741", "msg_signature": "1b9339964ed2e271e7c7b6ff2b0ef902fc94dea1"},
        f"<xml><Encrypt>{_REPLY}</Encrypt></xml>",
    ),
]
