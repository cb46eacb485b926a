"""Weibo 微博: posts that mention us, comments on our posts, mentions in comments; asked for, since Weibo sends nothing.

Weibo lets nobody but a reviewed app of the company's own read these, wants no robot-like calls and, in its terms, three to five minutes
between two polls. So the company says first that it has such an app and may keep what it reads, and one call is made at a time: each
round asks one of the three lists, the next round the next one. https://open.weibo.com/wiki/API
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from pydantic import Field

from services.ingest.adapters.adapter import Adapter, Call, ChannelEvent, Endpoint, Fetch, Form, Http, NotNow, Poll, Pulled
from services.ingest.adapters.conversations import LAST_REVISION, REMOVED, SOCIAL, of, replied
from services.ingest.adapters.gathering import counted, readable
from services.ingest.adapters.node import Node, json_body
from services.ingest.adapters.questions import present
from services.ingest.adapters.times import unix_date

_APIS = {"open": ("https://api.weibo.com/2", ""), "commercial": ("https://c.api.weibo.com/2", "/biz")}
_LISTS = (("statuses/mentions", "statuses"), ("comments/to_me", "comments"), ("comments/mentions", "comments"))
_PAGE = 50


class Secrets(Form):
    """The company's own authorisation."""

    access_token: Annotated[str, Field(min_length=1, max_length=512, description="access_token of our account for our own app, by OAuth2")]


class Options(Form):
    """What the company confirms, and how often to ask."""

    own_reviewed_app: Annotated[
        Literal[True],
        Field(
            description="true confirms: the app is our own, Weibo has reviewed it (已审核), and its terms allow us to keep these comments; "
            "an app under review has 15 test accounts and no right to this"
        ),
    ]
    uid: Annotated[str, Field(pattern="^[0-9]{1,32}$", description="The uid of our account, so that our own replies are told apart")]
    interface: Annotated[
        Literal["open", "commercial"],
        Field(description="commercial is Weibo's 商业接口 (c.api.weibo.com), for those who have a contract for it"),
    ] = "open"
    every_seconds: Annotated[int, Field(ge=300, le=86_400, description="Between two calls; Weibo wants at least three to five minutes")] = (
        300
    )


def poll(endpoint: Endpoint[Secrets, Options]) -> list[Poll]:
    """One poll for all three lists, in turn."""
    return [Poll(Fetch("lists"), endpoint.options.every_seconds)]


async def pull(fetch: Fetch, endpoint: Endpoint[Secrets, Options], http: Http, now: datetime) -> Pulled:
    """One call: a page of one list, the newest first. A page behind it is asked for in that list's next turn."""
    turn = int(fetch.arguments.get("turn", 0)) % len(_LISTS)
    path, member = _LISTS[turn]
    state: dict[str, Any] = dict(fetch.arguments.get(path) or {})
    page = int(state.get("page", 1))
    host, suffix = _APIS[endpoint.options.interface]
    asked = urlencode(present(since_id=state.get("since"), count=_PAGE, page=page))
    reply = await http(Call("GET", f"{host}/{path}{suffix}.json?{asked}", {"authorization": f"OAuth2 {endpoint.secrets[0].access_token}"}))
    body = json_body(reply.body)
    error = body["error_code"].number()
    if error:
        raise NotNow(f"Weibo answers with error_code {error:g}: see open.weibo.com/wiki/Error_code")
    items = list(body[member])
    found, odd = readable(items, lambda item: [(item, item["idstr"].id() or item["mid"].id() or item["id"].required_id())])
    newest = state.get("newest") or max((id for _, id in found), key=_size, default=state.get("since"))
    behind = page < 20 and len(items) >= _PAGE
    after = present(since=state.get("since"), newest=newest, page=page + 1) if behind else present(since=newest)
    cursor = {**fetch.arguments, "turn": (turn + 1) % len(_LISTS), path: after}
    read, odder = readable(found, lambda one: [(event, one[0]["status"]) for event in _events(*one, endpoint.options, now)])
    ours = [status for _, status in read if _is_ours(status, endpoint.options)]
    collected = counted((post["idstr"] if post["idstr"].here else post["id"], post["comments_count"]) for post in ours)
    return Pulled([event for event, _ in read], None, cursor, collected, Counter(odd) + Counter(odder))


def _size(id: str) -> tuple[int, str]:
    """Ids are numbers that grow; as text they compare so."""
    return len(id), id


def _events(item: Node, id: str, options: Options, now: datetime) -> Iterator[ChannelEvent]:
    author, status, text = item["user"], item["status"], item["text"].text()
    uid = author["idstr"].id() or author["id"].id()
    at = unix_date(item["created_at"].text() or "") or now
    post = status["idstr"].id() or status["mid"].id() or status["id"].id()
    above = item["reply_comment"]["idstr"].id() or item["reply_comment"]["id"].id() or post
    if text is None:
        return
    if uid == options.uid:
        if above is not None:
            yield replied(id, at, text, thread=above, post=post if _is_ours(status, options) else None, channel=SOCIAL)
        return
    if item["deleted"].text() in ("1", "True"):
        customer = present(id=of("weibo", uid))
        removed = present(channel=SOCIAL, text=REMOVED, reply_to=above, customer=customer, revision=LAST_REVISION)
        yield ChannelEvent("feedback.comment_posted.v1", id, at, removed)
        return
    name = author["screen_name"].name() or author["name"].name()
    customer = present(id=of("weibo", uid), name=name)
    data = present(channel=SOCIAL, text=text, author=name, reply_to=above, customer=customer, reach=_reach(author))
    yield ChannelEvent("feedback.comment_posted.v1", id, at, data, post if _is_ours(status, options) else None)


def _reach(author: Node) -> int | None:
    followers = author["followers_count"].number()
    return None if followers is None else min(max(0, int(followers)), 2**53)


def _is_ours(status: Node, options: Options) -> bool:
    return (status["user"]["idstr"].id() or status["user"]["id"].id()) == options.uid


ADAPTER = Adapter(
    name="weibo",
    title="Weibo 微博",
    secrets=Secrets,
    options=Options,
    receive=None,
    pull=pull,
    poll=poll,
    setup=(
        "Only with an app of your own that Weibo has reviewed: open.weibo.com, 微连接, 我的应用; an app under review has no right to this",
        "Make sure with Weibo that its terms let you keep comments on your own posts, then confirm it with own_reviewed_app: true",
        "Authorise the app for your account by OAuth2 and give this endpoint the access_token and your uid; renew it before it ends",
        "Weibo sends nothing by itself: one list is asked for every five minutes at the most, so each of the three every fifteen",
        "Test: mention the account from another one, and wait until all three lists had their turn",
    ),
)
