"""WeChat official accounts, 公众号: what followers write and which menu buttons they press; plain, compatible and safe mode.

An endpoint with an EncodingAESKey takes encrypted messages alone, so that nobody can fall back to the mode in which the signature does
not cover the body. https://developers.weixin.qq.com/doc/offiaccount/Getting_Started/message-push.html
"""

from datetime import timedelta
from typing import Annotated

from pydantic import Field, model_validator

from services.ingest.adapters.adapter import Adapter, Answer, Endpoint, Form, NotProven, Outcome, Request
from services.ingest.adapters.conversations import MESSAGING, Conversations, of, rated, said
from services.ingest.adapters.forms import query
from services.ingest.adapters.gathering import Found, gathered
from services.ingest.adapters.node import Node, id_of
from services.ingest.adapters.proving import proving
from services.ingest.adapters.questions import present
from services.ingest.adapters.signatures import proof_asked_for
from services.ingest.adapters.tencent import AES_KEY_PATTERN, check_signature, check_time, decrypted, members, proven_with

_SUCCESS = Answer(body=b"success")
"""Anything else, and WeChat asks three times more and tells the follower that the account is out of order."""
_WITHIN = timedelta(minutes=5)


class Secrets(Form):
    """What the account's Basic configuration (基本配置) holds."""

    token: Annotated[str, Field(min_length=3, max_length=32, description="Token (令牌) of the server configuration")]
    encoding_aes_key: Annotated[
        str | None, Field(pattern=AES_KEY_PATTERN, description="EncodingAESKey of the safe or compatible mode; leave it out in plain mode")
    ] = None
    app_id: Annotated[str | None, Field(max_length=64, description="AppID (开发者ID) of the account; required with an EncodingAESKey")] = (
        None
    )

    @model_validator(mode="after")
    def _of_whom(self) -> "Secrets":
        if self.encoding_aes_key is not None and self.app_id is None:
            raise ValueError("app_id is required with encoding_aes_key: an encrypted message says for whom it is")
        return self


def receive(request: Request, endpoint: Endpoint[Secrets, Conversations]) -> Outcome:
    """One event a message or rating; the check of the URL is answered with its echostr unchanged."""
    with proving():
        asked = query(request.url)
        if request.method == "GET":
            proven_with(endpoint.secrets, lambda secrets: _check_plain(asked, secrets))
            check_time(asked, request.at, _WITHIN)
            return Outcome(answer=Answer(body=(asked["echostr"].text() or "").encode()))
        outer = members(request.body) if any(secrets.encoding_aes_key for secrets in endpoint.secrets) else None
        body = proven_with(endpoint.secrets, lambda secrets: _proven(request, asked, outer, secrets))
        check_time(asked, request.at, _WITHIN)
    return gathered([_found(members(body), endpoint.options, request)], _SUCCESS)


def _check_plain(asked: Node, secrets: Secrets) -> None:
    check_signature(asked["signature"].text(), secrets.token, asked["timestamp"].text(), asked["nonce"].text())


def _proven(request: Request, asked: Node, outer: Node | None, secrets: Secrets) -> bytes:
    """The XML with the message in it. In compatible mode it stands beside Encrypt, and Encrypt is read."""
    encrypted = None if outer is None else outer["Encrypt"].value
    if secrets.encoding_aes_key is None or (encrypted is None and not proof_asked_for()):
        _check_plain(asked, secrets)
        return request.body
    if encrypted is None or secrets.app_id is None:
        raise NotProven("not_encrypted")
    check_signature(asked["msg_signature"].text(), secrets.token, asked["timestamp"].text(), asked["nonce"].text(), encrypted)
    return decrypted(encrypted, secrets.encoding_aes_key, secrets.app_id)


def _found(message: Node, options: Conversations, request: Request) -> Found:
    follower, kind = message["FromUserName"].required_id(), message["MsgType"].text()
    at = message["CreateTime"].epoch() or request.at
    customer = present(id=of("wechat", follower))
    if kind == "event":
        pressed = message["EventKey"].text()
        id = id_of(follower, message["CreateTime"].required_text(), pressed or "")
        rating = rated(options, id, at, pressed, channel=MESSAGING, customer=customer) if message["Event"].text() == "CLICK" else None
        return rating or "other_event"
    id = message["MsgId"].id() or id_of(follower, message["CreateTime"].required_text())
    text = message["Content"].text() or message["Recognition"].text()
    return "no_text" if text is None else said(options, id, at, text, thread=follower, channel=MESSAGING, customer=customer)


ADAPTER = Adapter(
    name="wechat_mp",
    title="WeChat official account 公众号",
    secrets=Secrets,
    options=Conversations,
    receive=receive,
    kept=_SUCCESS,
    unsigned_body=True,
    setup=(
        "Sign in at mp.weixin.qq.com and open 设置与开发 › 基本配置 (Settings › Basic configuration), 服务器配置 (server configuration)",
        "URL: {url}; Token: the token of this endpoint; choose 安全模式 (safe mode)",
        "Give this endpoint the EncodingAESKey and the AppID that stand there",
        "Submit: WeChat calls the URL at once and must be answered; then enable (启用) the configuration",
        "Menu buttons that ask for a rating are of type click with the key csat_5, csat_4 and so on",
        "Test: write to the account from a phone",
    ),
)
