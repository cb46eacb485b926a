"""WeChat and WeCom beside their samples: compatible mode, no way back from encryption, rotation, foreign receivers."""

from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest

from services.ingest.adapters import wechat_mp, wecom
from services.ingest.adapters.adapter import Endpoint, NotProven, Request
from services.ingest.adapters.conversations import Conversations
from services.ingest.adapters.wechat_mp import Secrets
from tests.ingest.adapters.case import SAMPLES, UTC_ZONE
from tests.ingest.adapters.cases.wechat_mp import AES_KEY, APP_ID, PLAIN, SAFE, TOKEN, URL
from tests.ingest.adapters.cases.wecom import CORP_ID, SECRETS
from tests.ingest.adapters.cases.wecom import close as close_wecom
from tests.ingest.adapters.cases.wecom import sign as sign_wecom
from tests.ingest.adapters.sealing import encrypted
from tests.ingest.adapters.signing import sorted_sha1

AT = datetime(2026, 3, 19, 9, 34, 50, tzinfo=UTC)
TEXT = (SAMPLES / "wechat_mp/text_message_plain.xml").read_bytes()


def request(body: bytes, sealed: str = "") -> Request:
    """With both signatures, as WeChat sends them in compatible and safe mode."""
    stamp, nonce = "1773912886", "415670741"
    query = {"signature": sorted_sha1(TOKEN, stamp, nonce), "timestamp": stamp, "nonce": nonce, "encrypt_type": "aes"}
    query |= {"msg_signature": sorted_sha1(TOKEN, stamp, nonce, sealed)} if sealed else {}
    return Request("POST", f"{URL}?{urlencode(query)}", {"content-type": "text/xml"}, body, AT)


def endpoint(*secrets: Secrets) -> Endpoint[Secrets, Conversations]:
    return Endpoint(secrets, Conversations(), UTC_ZONE)


def test_in_compatible_mode_the_encrypted_message_is_read_and_the_plain_one_beside_it_is_not() -> None:
    sealed = encrypted(TEXT, AES_KEY, APP_ID)
    body = f"<xml><FromUserName>forged</FromUserName><MsgId>1</MsgId><Content>forged</Content><Encrypt>{sealed}</Encrypt></xml>".encode()

    outcome = wechat_mp.receive(request(body, sealed), endpoint(SAFE))

    assert [(event.id, event.data["text"]) for event in outcome.events] == [("23456789012345678", "快递员态度很差，要投诉😡")]


def test_where_encryption_is_set_a_plain_message_is_refused() -> None:
    with pytest.raises(NotProven, match="not_encrypted"):
        wechat_mp.receive(request(TEXT), endpoint(SAFE))


def test_while_an_account_moves_from_plain_to_safe_mode_both_are_taken() -> None:
    sealed = encrypted(TEXT, AES_KEY, APP_ID)
    safe = request(f"<xml><Encrypt>{sealed}</Encrypt></xml>".encode(), sealed)

    outcomes = [wechat_mp.receive(sent, endpoint(SAFE, PLAIN)) for sent in (safe, request(TEXT))]

    assert outcomes[0] == outcomes[1]
    assert len(outcomes[0].events) == 1


def test_a_message_that_was_meant_for_another_account_is_refused() -> None:
    sealed = encrypted(TEXT, AES_KEY, "wxAAAAAAAAAAAAAAAA")

    with pytest.raises(NotProven, match="foreign_receiver"):
        wechat_mp.receive(request(f"<xml><Encrypt>{sealed}</Encrypt></xml>".encode(), sealed), endpoint(SAFE))


@pytest.mark.parametrize("sealed", ["AAAA", "not base64!", "AAAAAAAAAAAAAAAAAAAAAA==", "é"])
def test_what_cannot_be_decrypted_is_refused_although_signed(sealed: str) -> None:
    with pytest.raises(NotProven):
        wechat_mp.receive(request(f"<xml><Encrypt>{sealed}</Encrypt></xml>".encode(), sealed), endpoint(SAFE))


def test_an_encryption_key_without_the_account_it_belongs_to_is_refused_when_it_is_set() -> None:
    with pytest.raises(ValueError, match="app_id is required"):
        Secrets(token=TOKEN, encoding_aes_key=AES_KEY)


def test_a_wecom_callback_in_the_name_of_another_company_is_refused() -> None:
    body = close_wecom((SAMPLES / "wecom/kf_msg_or_event_plain.xml").read_bytes()).replace(CORP_ID.encode(), b"wxAAAAAAAAAAAAAAAA")
    url, headers = sign_wecom(body)

    with pytest.raises(NotProven, match="foreign_receiver"):
        at = datetime(2026, 3, 19, 10, 2, 45, tzinfo=UTC)
        wecom.receive(Request("POST", url, headers, body, at), Endpoint((SECRETS,), Conversations(), UTC_ZONE))
