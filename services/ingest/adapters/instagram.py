"""Instagram: comments, mentions and direct messages of a professional account, in both shapes that Meta sends.

A mention carries only ids: its text is pulled. What our own account writes comes back as a comment and is told apart.
https://developers.facebook.com/docs/instagram-platform/webhooks
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import urlencode

from pydantic import Field

from services.ingest.adapters import meta
from services.ingest.adapters.adapter import Adapter, Call, ChannelEvent, Endpoint, Fetch, Http, Outcome, Poll, Pulled, Request
from services.ingest.adapters.conversations import SOCIAL, of, replied
from services.ingest.adapters.gathering import Found, counted, gathered
from services.ingest.adapters.meta import Change
from services.ingest.adapters.meta_messages import MessageOptions, messages
from services.ingest.adapters.node import Node, json_body
from services.ingest.adapters.questions import present


class Secrets(meta.MetaSecrets):
    """The app's, and a token if mentions are to be read and comments counted."""

    access_token: Annotated[
        str | None,
        Field(max_length=1024, description="A long-lived user token with instagram_manage_comments; without one mentions cannot be read"),
    ] = None


_HOSTS = {"facebook": meta.GRAPH, "instagram": "https://graph.instagram.com/v23.0"}


class Options(MessageOptions):
    """Who we are on Instagram."""

    login: Annotated[
        Literal["facebook", "instagram"], Field(description="Which login the app uses; mentions can be read with facebook alone")
    ] = "facebook"

    username: Annotated[
        str | None, Field(max_length=64, description="Our account's name without @, so that our own comments are told apart")
    ] = None
    account_id: Annotated[
        str | None,
        Field(pattern="^[0-9]{1,32}$", description="Our account's id; with it and a token the comments of our posts are counted each hour"),
    ] = None


def receive(request: Request, endpoint: Endpoint[Secrets, Options]) -> Outcome:
    """One event a comment or message; a fetch for each mention."""
    if answer := meta.challenged(request, endpoint.secrets):
        return Outcome(answer=answer)
    body = meta.verified(request, endpoint.secrets, "instagram")
    return gathered(found for entry in body["entry"] for found in _entry(entry, endpoint, request.at))


def _entry(entry: Node, endpoint: Endpoint[Secrets, Options], now: datetime) -> Iterator[Found]:
    if entry["messaging"].here or entry["standby"].here:
        yield from messages(entry, endpoint.options, "instagram", now)
    for change in meta.changes(entry):
        if change.field in ("comments", "live_comments"):
            yield _comment(change, endpoint.options, now)
        elif change.field == "mentions":
            yield _mention(change) if endpoint.secrets[0].access_token else "no_access_token"
        else:
            yield "other_event"


def _comment(change: Change, options: Options, now: datetime) -> Found:
    value, author = change.value, change.value["from"]
    id = value["id"].id() or value["comment_id"].required_id()
    text, at = value["text"].text(), change.sent_at or now
    post, name = value["media"]["id"].id(), author["username"].name()
    above = value["parent_id"].id() or post
    if text is None:
        return "no_text"
    if author["self_ig_scoped_id"].here or author["id"].id() == change.account or _is_ours(name, options):
        return replied(id, at, text, thread=above or id, post=post, channel=SOCIAL)
    customer = present(id=of("instagram", author["id"].id()))
    data = present(channel=SOCIAL, text=text, author=name, reply_to=above, customer=customer)
    return ChannelEvent("feedback.comment_posted.v1", id, at, data, post)


def _is_ours(name: str | None, options: Options) -> bool:
    return name is not None and options.username is not None and name.lower() == options.username.lower().removeprefix("@")


def _mention(change: Change) -> Fetch:
    media = meta.graph_id(change.value["media_id"])
    comment = meta.graph_id(change.value["comment_id"]) if change.value["comment_id"].here else None
    sent_at = None if change.sent_at is None else change.sent_at.isoformat()
    arguments = {"account": meta.graph_id(Node(change.account, "entry.id")), "media": media, "comment": comment, "sent_at": sent_at}
    return Fetch(f"mention:{comment or media}", arguments)


def poll(endpoint: Endpoint[Secrets, Options]) -> list[Poll]:
    """Where a token is given: how many comments each of our latest posts has, each hour."""
    account = endpoint.options.account_id
    return [Poll(Fetch("posts", {"account": account}), 3600)] if account and endpoint.secrets[0].access_token else []


async def pull(fetch: Fetch, endpoint: Endpoint[Secrets, Options], http: Http, now: datetime) -> Pulled:
    """What a mention says, or how many comments our posts have."""
    host = _HOSTS[endpoint.options.login]
    account, headers = fetch.arguments["account"], {"authorization": f"Bearer {endpoint.secrets[0].access_token}"}
    if fetch.key == "posts":
        url = f"{host}/{account}/media?{urlencode({'fields': 'id,comments_count', 'limit': '100'})}"
        posts = json_body((await http(Call("GET", url, headers))).body)["data"]
        return Pulled(collected=counted((post["id"], post["comments_count"]) for post in posts))
    comment, media = fetch.arguments.get("comment"), fetch.arguments["media"]
    fields = (
        f"mentioned_comment.comment_id({comment}){{id,text,timestamp,username,media{{id,permalink}}}}"
        if comment
        else f"mentioned_media.media_id({media}){{id,caption,timestamp,username,permalink}}"
    )
    found = json_body((await http(Call("GET", f"{host}/{account}?{urlencode({'fields': fields})}", headers))).body)
    event = _mentioned(found["mentioned_comment" if comment else "mentioned_media"], str(comment or media), endpoint, now)
    return Pulled([] if event is None else [event])


def _mentioned(found: Node, id: str, endpoint: Endpoint[Secrets, Options], now: datetime) -> ChannelEvent | None:
    text, name = found["text"].text() or found["caption"].text(), found["username"].name()
    if text is None or _is_ours(name, endpoint.options):
        return None
    above, url = found["media"]["id"].id(), found["permalink"].text(2048) or found["media"]["permalink"].text(2048)
    data = present(channel=SOCIAL, text=text, author=name, reply_to=above, url=url, tags={"mention": "yes"})
    return ChannelEvent("feedback.comment_posted.v1", id, found["timestamp"].iso(endpoint.zone) or now, data)


ADAPTER = Adapter(
    name="instagram",
    title="Instagram",
    secrets=Secrets,
    options=Options,
    receive=receive,
    pull=pull,
    poll=poll,
    setup=(
        "In the App Dashboard at developers.facebook.com add the product Instagram, then Webhooks, Configure",
        "Callback URL: {url}; Verify token: the verify_token of this endpoint; Meta calls the URL at once and must be answered",
        "Subscribe to comments, live_comments, mentions and, for direct messages, messages, message_echoes and messaging_postbacks",
        "With Instagram Login app_secret is the Instagram app secret, with Facebook Login the app secret of App settings, Basic",
        "Give our username, so that our own comments are not taken for feedback, and an access token, so that mentions can be read",
        "Test: beside the field comments, Test; or comment on a post of the account from a private one",
    ),
)
