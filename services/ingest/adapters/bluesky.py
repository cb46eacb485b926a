"""Bluesky: mentions, replies and quotes, from the account's notifications; there is no webhook.

Notifications come newest first, in pages; a round ends where the last one began. A session is opened for each step, and kept nowhere.
https://docs.bsky.app/docs/api/app-bsky-notification-list-notifications
"""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from pydantic import Field

from services.ingest.adapters.adapter import Adapter, Call, ChannelEvent, Endpoint, Fetch, Form, Http, Poll, Pulled
from services.ingest.adapters.conversations import SOCIAL, of
from services.ingest.adapters.gathering import counted, readable
from services.ingest.adapters.node import Node, json_body
from services.ingest.adapters.questions import present

UTC = ZoneInfo("UTC")
_REASONS = ("mention", "reply", "quote")
_MOST_COUNTED = 25
_BELIEVED = timedelta(days=1)
_AT_FIRST = timedelta(days=30)
"""How far back the first round goes."""


class Secrets(Form):
    """An app password, never the account's own."""

    identifier: Annotated[str, Field(min_length=3, max_length=256, description="The account's handle, acme.example.com, or its DID")]
    app_password: Annotated[
        str,
        Field(min_length=1, max_length=64, description="Settings, Privacy and security, App passwords; without access to direct messages"),
    ]


class Options(Form):
    """Where the account lives and how often to look."""

    server: Annotated[str, Field(pattern=r"^https://[a-z0-9.-]{1,253}$", description="The account's server (PDS)")] = "https://bsky.social"
    every_minutes: Annotated[int, Field(ge=6, le=1440, description="How often to look; Bluesky allows about 300 sign-ins a day")] = 10


def poll(endpoint: Endpoint[Secrets, Options]) -> list[Poll]:
    """The account's notifications."""
    return [Poll(Fetch("notifications"), endpoint.options.every_minutes * 60)]


async def pull(fetch: Fetch, endpoint: Endpoint[Secrets, Options], http: Http, now: datetime) -> Pulled:
    """A page of a hundred notifications, and how many replies our posts among them have."""
    server, secrets = f"{endpoint.options.server}/xrpc", endpoint.secrets[0]
    sign_in = json.dumps({"identifier": secrets.identifier, "password": secrets.app_password}).encode()
    session = json_body(
        (await http(Call("POST", f"{server}/com.atproto.server.createSession", {"content-type": "application/json"}, sign_in))).body
    )
    us, headers = session["did"].required_id(), {"authorization": f"Bearer {session['accessJwt'].required_text()}"}
    seen, newest, page = (fetch.arguments.get(name) for name in ("seen", "newest", "page"))
    asked = [("limit", "100"), *((("cursor", page),) if page else ()), *(("reasons", reason) for reason in _REASONS)]
    found = json_body((await http(Call("GET", f"{server}/app.bsky.notification.listNotifications?{urlencode(asked)}", headers))).body)
    earliest = seen or (now - _AT_FIRST).isoformat()
    fresh = [one for one in found["notifications"] if (one["indexedAt"].text() or "") >= earliest]
    events, passed_over = readable(fresh, lambda one: _event(one, us, now))
    newest = newest or max((one["indexedAt"].text() or "" for one in fresh), default=seen)
    before = found["cursor"].text(512)
    more = before is not None and before != page and len(fresh) > 0 and len(fresh) == len(list(found["notifications"]))
    ours = sorted({event.post for event in events if event.post is not None})[:_MOST_COUNTED]
    collected = await _replies(ours, server, headers, http)
    then = Fetch(fetch.key, present(seen=seen, newest=newest, page=before)) if more else None
    return Pulled(events, then, None if more else present(seen=newest), collected, passed_over)


def _event(one: Node, us: str, now: datetime) -> Iterator[ChannelEvent]:
    author, record = one["author"], one["record"]
    writer, text = author["did"].id(), record["text"].text()
    if one["reason"].text() not in _REASONS or writer == us or text is None:
        return
    id, above = one["uri"].required_id(), record["reply"]["parent"]["uri"].id()
    place = id.removeprefix("at://").split("/")
    data = present(
        channel=SOCIAL,
        text=text,
        author=author["handle"].name(),
        reply_to=above,
        url=f"https://bsky.app/profile/{place[0]}/post/{place[2]}" if len(place) == 3 else None,
        customer=present(id=of("bluesky", writer), name=author["displayName"].name()),
        language=record["langs"][0].language(),
    )
    post = above if above is not None and above.startswith(f"at://{us}/") else None
    yield ChannelEvent("feedback.comment_posted.v1", id, _time(one, now), data, post)


def _time(one: Node, now: datetime) -> datetime:
    """When it was written, by the writer's clock, unless that is far from when the network took it up."""
    indexed_at, written_at = one["indexedAt"].iso(UTC) or now, one["record"]["createdAt"].iso(UTC)
    return written_at if written_at is not None and abs(indexed_at - written_at) < _BELIEVED else indexed_at


async def _replies(posts: Sequence[str], server: str, headers: dict[str, Any], http: Http) -> dict[str, int]:
    """How many replies each of our posts has. The network counts the direct ones, so only those name the post that they stand under."""
    if not posts:
        return {}
    asked = urlencode([("uris", post) for post in posts])
    found = json_body((await http(Call("GET", f"{server}/app.bsky.feed.getPosts?{asked}", headers))).body)
    return counted((post["uri"], post["replyCount"]) for post in found["posts"])


ADAPTER = Adapter(
    name="bluesky",
    title="Bluesky",
    secrets=Secrets,
    options=Options,
    receive=None,
    pull=pull,
    poll=poll,
    setup=(
        "Sign in to the account at bsky.app and open Settings, Privacy and security, App passwords, Add app password",
        "Do not allow it access to direct messages; give this endpoint the handle and the app password",
        "Bluesky sends nothing by itself: this service looks for mentions, replies and quotes as often as the options say",
        "Test: mention the account from another one, and wait for the next look",
    ),
)
