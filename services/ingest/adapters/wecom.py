"""WeCom customer service, 微信客服: a callback says only that there is something, the messages are pulled from a cursor on.

What servicers write comes back, as do ended sessions. Menu entries that ask for a rating have the id csat_5 and so on.
https://developer.work.weixin.qq.com/document/path/94670
"""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from pydantic import Field

from services.ingest.adapters.adapter import (
    Adapter,
    Answer,
    Call,
    ChannelEvent,
    Endpoint,
    Fetch,
    Form,
    Http,
    NotNow,
    NotProven,
    Outcome,
    Pulled,
    Request,
    Unreadable,
)
from services.ingest.adapters.conversations import LAST_REVISION, MESSAGING, REMOVED, Conversations, of, rated, replied, said
from services.ingest.adapters.forms import query
from services.ingest.adapters.gathering import Found, gathered, readable
from services.ingest.adapters.node import Node, json_body
from services.ingest.adapters.proving import proving
from services.ingest.adapters.questions import present
from services.ingest.adapters.signatures import proof_asked_for
from services.ingest.adapters.tencent import AES_KEY_PATTERN, check_signature, check_time, decrypted, members, proven_with

_API = "https://qyapi.weixin.qq.com/cgi-bin"
_SUCCESS = Answer(body=b"success")
_WITHIN = timedelta(minutes=5)
_SESSION_ENDED = 3
_BUSY = (-1, 40001, 40014, 42001, 45009, 45033, 60020, 95007)
"""Busy, a token or secret that is no longer the right one, too many calls, no right or address yet: people can mend it, or time does."""
_TOKEN_LIVES = timedelta(minutes=10)


class Secrets(Form):
    """What the console's WeChat customer service page (微信客服) holds, under API."""

    token: Annotated[str, Field(min_length=1, max_length=64, description="Token of the callback configuration (回调配置)")]
    encoding_aes_key: Annotated[str, Field(pattern=AES_KEY_PATTERN, description="EncodingAESKey of the callback configuration")]
    corp_id: Annotated[str, Field(min_length=1, max_length=64, description="企业ID, under 我的企业 › 企业信息 (My company)")]
    secret: Annotated[str, Field(min_length=1, max_length=256, description="Secret of 微信客服 › 开发配置, with which messages are read")]


def receive(request: Request, endpoint: Endpoint[Secrets, Conversations]) -> Outcome:
    """A fetch for the account that has news; the check of the URL is answered with its echostr decrypted."""
    with proving():
        asked = query(request.url)
        outer = Node({"Encrypt": asked["echostr"].text()}) if request.method == "GET" else members(request.body)
        opened = proven_with(endpoint.secrets, lambda secrets: _opened(request, asked, outer, secrets))
        check_time(asked, request.at, _WITHIN)
    return Outcome(answer=Answer(body=opened)) if request.method == "GET" else gathered([_news(members(opened), request.at)], _SUCCESS)


def _opened(request: Request, asked: Node, outer: Node, secrets: Secrets) -> bytes:
    sealed = outer["Encrypt"].value
    if outer["ToUserName"].value not in (None, secrets.corp_id):
        raise NotProven("foreign_receiver")
    check_signature(asked["msg_signature"].text(), secrets.token, asked["timestamp"].text(), asked["nonce"].text(), sealed)
    if sealed is None and not proof_asked_for():
        return request.body
    if sealed is None:
        raise NotProven("not_encrypted")
    return decrypted(sealed, secrets.encoding_aes_key, secrets.corp_id)


def _news(event: Node, now: datetime) -> Found:
    if event["Event"].text() != "kf_msg_or_event":
        return "other_event"
    account = event["OpenKfId"].required_id()
    return Fetch(f"messages:{account}", {"account": account, "token": event["Token"].id(), "told_at": now.isoformat()})


async def pull(fetch: Fetch, endpoint: Endpoint[Secrets, Conversations], http: Http, now: datetime) -> Pulled:
    """Up to a thousand messages from the cursor on, and the next ones where there are more.

    The access token is asked for anew with each step, and kept nowhere; WeCom gives out the same one for two hours.
    """
    secrets, arguments = endpoint.secrets[0], fetch.arguments
    asked = urlencode({"corpid": secrets.corp_id, "corpsecret": secrets.secret})
    token = (await _answer(http, Call("GET", f"{_API}/gettoken?{asked}")))["access_token"].required_text()
    told_at = datetime.fromisoformat(arguments["told_at"]) if arguments.get("told_at") else None
    fresh = told_at is not None and now - told_at < _TOKEN_LIVES
    wanted = present(
        cursor=arguments.get("cursor"),
        token=arguments.get("token") if fresh else None,
        open_kfid=arguments["account"],
        limit=1000,
    )
    url = f"{_API}/kf/sync_msg?{urlencode({'access_token': token})}"
    found = await _answer(http, Call("POST", url, {"content-type": "application/json"}, json.dumps(wanted).encode()))
    events, passed_over = readable(found["msg_list"], lambda message: _events(message, endpoint.options, now))
    cursor = {"account": arguments["account"], "cursor": found["next_cursor"].id() or arguments.get("cursor")}
    more = found["has_more"].number() == 1 and cursor["cursor"] != arguments.get("cursor")
    return Pulled(events, Fetch(fetch.key, {**arguments, **cursor}) if more else None, cursor, passed_over=passed_over)


async def _answer(http: Http, call: Call) -> Node:
    """WeCom answers 200 whatever happens; `errcode` says whether it did. Its text may repeat what we sent, and is not passed on."""
    answer = json_body((await http(call)).body)
    error = answer["errcode"].number()
    if error in _BUSY:
        raise NotNow(f"WeCom answers with errcode {error:g}")
    if error:
        raise Unreadable(f"WeCom answers with errcode {error:g}: see developer.work.weixin.qq.com/document/path/90313")
    return answer


def _events(message: Node, options: Conversations, now: datetime) -> Iterator[ChannelEvent]:
    id, at = message["msgid"].required_id(), message["send_time"].epoch() or now
    customer_id, text = message["external_userid"].id(), message["text"]["content"].text()
    customer = present(id=of("wecom", customer_id))
    common: dict[str, Any] = {"channel": MESSAGING, "customer": customer}
    match message["origin"].number():
        case 3 if (rating := rated(options, id, at, message["text"]["menu_id"].text(), **common)) is not None:
            yield rating
        case 3 if text is not None:
            yield said(options, id, at, text, thread=customer_id or id, **common)
        case 5 if text is not None:
            yield replied(id, at, text, thread=customer_id or id, person=message["servicer_userid"].name(), **common)
        case 4:
            yield from _happened(message["event"], id, at, options)


def _happened(event: Node, id: str, at: datetime, options: Conversations) -> Iterator[ChannelEvent]:
    """A session that has ended, or a message that the customer took back."""
    customer_id = event["external_userid"].id()
    common: dict[str, Any] = {"channel": MESSAGING, "customer": present(id=of("wecom", customer_id))}
    match event["event_type"].text():
        case "session_status_change" if event["change_type"].number() == _SESSION_ENDED:
            servicer = event["old_servicer_userid"].name()
            by = "human" if servicer else None
            yield ChannelEvent("interaction.completed.v1", id, at, present(**common, agent=servicer, direction="inbound", handled_by=by))
        case "user_recall_msg":
            recalled = event["recall_msgid"].required_id()
            yield said(options, recalled, at, REMOVED, thread=customer_id or recalled, revision=LAST_REVISION, **common)


ADAPTER = Adapter(
    name="wecom",
    title="WeCom customer service 微信客服",
    secrets=Secrets,
    options=Conversations,
    receive=receive,
    pull=pull,
    kept=_SUCCESS,
    setup=(
        "Sign in at work.weixin.qq.com and open 应用管理 › 微信客服 › 可调用接口的应用 or 开发配置 (WeChat customer service, API)",
        "Callback URL: {url}; Token and EncodingAESKey: those of this endpoint; WeCom calls the URL at once and must be answered",
        "Give this endpoint the company's id (企业ID) and the Secret shown there, with which messages are read",
        "Menu messages that ask for a rating have entries with the id csat_5, csat_4 and so on",
        "Test: write to the customer service account from a private WeChat",
    ),
)
