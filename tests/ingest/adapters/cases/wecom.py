"""WeCom customer service: a callback that asks to be pulled, what the pull brings, the check of the URL."""

import re
from datetime import UTC, datetime
from urllib.parse import urlencode

from services.ingest.adapters.adapter import Answer, Call, Fetch
from services.ingest.adapters.conversations import Conversations
from services.ingest.adapters.wecom import Secrets
from tests.ingest.adapters.case import Case, Proof, Pull, Seal, Vector
from tests.ingest.adapters.sealing import encrypted, opened
from tests.ingest.adapters.signing import sorted_sha1

TOKEN, AES_KEY, CORP_ID = "QDG6eK", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C", "wx5823bf96d3bd56c7"
SECRETS = Secrets(token=TOKEN, encoding_aes_key=AES_KEY, corp_id=CORP_ID, secret="test-secret")
URL = "https://feedback.example.com/v1/channels/wecom/01JPQ3M8K2N2P9X4ABCDEFGHJK"
AT = datetime(2026, 3, 19, 10, 2, 45, tzinfo=UTC)
EVENT_TOKEN = "ENCApHxnGDNAVNY4AaSJKj4Tb5mwsEMzxhFmHVGcra996NR"
NEWS = Fetch("messages:wkxxxxxxx", {"account": "wkxxxxxxx", "token": EVENT_TOKEN, "told_at": "2026-03-19T10:02:45+00:00"})


def sign(body: bytes) -> Proof:
    """https://developer.work.weixin.qq.com/document/path/90968"""
    found = re.search(rb"<Encrypt><!\[CDATA\[([^\]]*)", body)
    sealed = found[1].decode("latin-1") if found else ""
    signature = sorted_sha1(TOKEN, "1773914561", "263014780", sealed)
    query = urlencode({"msg_signature": signature, "timestamp": "1773914561", "nonce": "263014780"})
    return f"{URL}?{query}", {"content-type": "text/xml"}


def unseal(body: bytes) -> bytes:
    found = re.search(rb"<Encrypt><!\[CDATA\[([^\]]*)", body)
    assert found
    return opened(found[1].decode(), AES_KEY)


def close(content: bytes) -> bytes:
    sealed = encrypted(content, AES_KEY, CORP_ID)
    return f"<xml><ToUserName><![CDATA[{CORP_ID}]]></ToUserName><Encrypt><![CDATA[{sealed}]]></Encrypt></xml>".encode()


def reply(call: Call, content: bytes) -> bytes:
    return b'{"errcode":0,"access_token":"test-access-token","expires_in":7200}' if "/gettoken?" in call.url else content


CASES = [
    Case(
        adapter="wecom",
        sample="wecom/kf_msg_or_event_encrypted.xml",
        secrets=SECRETS,
        options=Conversations(),
        at=AT,
        sign=sign,
        media="xml",
        seal=Seal(unseal, close),
        answer=Answer(body=b"success"),
        timestamped=True,
        fetches=[NEWS],
    ),
]

PULLS = [
    Pull(
        adapter="wecom",
        sample="wecom/sync_msg_response.json",
        secrets=SECRETS,
        options=Conversations(),
        at=AT,
        fetch=NEWS,
        reply=reply,
        identity=["msg_list.msgid", "msg_list.origin", "msg_list.event.event_type"],
        expected=[
            {
                "type": "feedback.survey_answered.v1",
                "id": "from_msgid_4622416642169452483",
                "time": "2026-03-19T10:02:35+00:00",
                "data": {
                    "survey": "button_rating",
                    "answers": [{"question": "csat", "instrument": "csat", "score": 5, "scale_min": 1, "scale_max": 5}],
                    "channel": "messaging",
                    "customer": {"id": "wecom:wmxxxxxxx"},
                },
            },
            {
                "type": "interaction.completed.v1",
                "id": "from_msgid_4622416642169452484",
                "time": "2026-03-19T10:02:40+00:00",
                "data": {
                    "channel": "messaging",
                    "customer": {"id": "wecom:wmxxxxxxx"},
                    "agent": "Zhangsan",
                    "direction": "inbound",
                    "handled_by": "human",
                },
            },
        ],
    ),
]

_ASKED = {
    "timestamp": "1409659589",
    "nonce": "263014780",
    "echostr": "P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4RPcs8TgAE7OaBO+FZXvnaqQ==",
}

VECTORS = [
    Vector(
        adapter="wecom",
        official="wecom",
        secrets=SECRETS.model_copy(update={"corp_id": corp_id}),
        options=Conversations(),
        at=datetime.fromtimestamp(1409659589, UTC),
        url=f"{URL}?{urlencode({**_ASKED, 'msg_signature': '5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3'})}",
        headers={},
        body=b"",
        holds=holds,
        method="GET",
        answer=Answer(body=b"1616140317555161061") if holds else None,
        name=name,
    )
    for name, corp_id, holds in (("Tencent's sample", CORP_ID, True), ("for another company", "wxAAAAAAAAAAAAAAAA", False))
]

ELSEWHERE = {"wecom/kf_msg_or_event_plain.xml": "what kf_msg_or_event_encrypted.xml holds; never sent unencrypted"}
