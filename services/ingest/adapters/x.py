"""X: mentions, replies, quotes and direct messages by webhook (Activity API, and the older Account Activity API), or by asking the search.

X checks the URL with a token that has to be signed with the same secret, in the same way, as X signs bodies. Whoever knew the URL could
have a body signed by that, so nothing is signed that could be a body of X's. https://docs.x.com/x-api/webhooks/introduction
"""

import hmac
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
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
    NotProven,
    Outcome,
    Poll,
    Pulled,
    Request,
)
from services.ingest.adapters.conversations import MESSAGING, Conversations, of, rated, replied, said
from services.ingest.adapters.forms import query
from services.ingest.adapters.gathering import Found, counted, gathered, readable
from services.ingest.adapters.node import Node, json_body
from services.ingest.adapters.proving import proving
from services.ingest.adapters.questions import present
from services.ingest.adapters.signatures import base64_text, check_hmac
from services.ingest.adapters.x_posts import new_post, old_post

_API = "https://api.x.com/2/tweets"
_OLD_SIGNATURE = "x-twitter-webhooks-signature"
_NEW_SIGNATURE = "x-twitter-webhooks-signature-oauth2"
_CHALLENGE = re.compile(r"[A-Za-z0-9_+/=.-]{1,256}")
_EPOCH_MS = 1_288_834_974_657
_SEARCHABLE = timedelta(days=6, hours=12)
"""The search reaches seven days back and refuses a since_id that is older."""


class Secrets(Form):
    """What X signs with, and what it is asked with."""

    consumer_secret: Annotated[str, Field(min_length=1, max_length=256, description="Developer Portal: Keys and tokens, API Key Secret")]
    client_secret: Annotated[
        str | None, Field(max_length=256, description="OAuth 2.0 Client Secret: X signs with it as well once the app has one")
    ] = None
    bearer_token: Annotated[str | None, Field(max_length=1024, description="Bearer Token of the app; only for the search")] = None


class Options(Conversations):
    """Who we are on X, and what to search for where there is no webhook."""

    user_id: Annotated[str | None, Field(pattern="^[0-9]{1,32}$", description="The number of our account, to tell our own posts apart")] = (
        None
    )
    app_id: Annotated[
        str | None, Field(pattern="^[0-9]{1,32}$", description="The number of the app that our bot writes direct messages with")
    ] = None
    search: Annotated[
        str | None,
        Field(max_length=512, description="A query like @us -from:us -is:retweet, asked over and over; reads are billed by X"),
    ] = None
    search_every_minutes: Annotated[int, Field(ge=1, le=1440, description="How often to search")] = 15
    count_replies: Annotated[
        bool, Field(description="With the search: ask how many replies our posts have, to show the share collected; X bills each post")
    ] = False


def receive(request: Request, endpoint: Endpoint[Secrets, Options]) -> Outcome:
    """One event a post or direct message."""
    if request.method == "GET":
        return Outcome(answer=_challenged(request, endpoint.secrets[0]))
    _prove(request, endpoint)
    body = json_body(request.body)
    return gathered(_activity(body, endpoint.options, request.at) if body["data"].here else _old(body, endpoint.options, request.at))


def _challenged(request: Request, secrets: Secrets) -> Answer:
    with proving():
        token = query(request.url)["crc_token"].value
    if not isinstance(token, str) or not _CHALLENGE.fullmatch(token):
        raise NotProven("no_challenge")
    signed = base64_text(hmac.digest(secrets.consumer_secret.encode(), token.encode(), "sha256"))
    return Answer(body=f'{{"response_token": "sha256={signed}"}}'.encode(), media_type="application/json")


def _prove(request: Request, endpoint: Endpoint[Secrets, Options]) -> None:
    """Where X signs with the client secret, that one decides, and the older signature is not looked at."""
    client = [secrets.client_secret.encode() for secrets in endpoint.secrets if secrets.client_secret]
    newer = request.headers.get(_NEW_SIGNATURE) if client else None
    keys = client if newer is not None else [secrets.consumer_secret.encode() for secrets in endpoint.secrets]
    check_hmac(newer or request.headers.get(_OLD_SIGNATURE), request.body, keys, written=base64_text, prefix="sha256=")


def _activity(body: Node, options: Options, now: datetime) -> Iterator[Found]:
    data = body["data"]
    includes = data["includes"] if data["includes"].here else body["includes"]
    kind = data["event_type"].text() or ""
    if kind.startswith("post.") and kind.endswith(".create"):
        yield new_post(data["payload"], includes, options.user_id or data["filter"]["user_id"].id(), now)
    else:
        yield "other_event"


def _old(body: Node, options: Options, now: datetime) -> Iterator[Found]:
    account = body["for_user_id"].id() or options.user_id
    for post in body["tweet_create_events"]:
        yield old_post(post, account, now)
    for message in body["direct_message_events"]:
        yield _message(message, body["users"], account, options, now)
    if not body["tweet_create_events"].here and not body["direct_message_events"].here:
        yield "other_event"


def _message(message: Node, users: Node, account: str | None, options: Options, now: datetime) -> Found:
    id, created = message["id"].required_id(), message["message_create"]
    at, content = message["created_timestamp"].epoch(1000) or now, created["message_data"]
    sender, text = created["sender_id"].id(), content["text"].text()
    if text is None:
        return "no_text"
    if sender is not None and sender == account:
        if options.app_id is not None and created["source_app_id"].id() == options.app_id:
            return "own_words"
        to = created["target"]["recipient_id"].id()
        return replied(id, at, text, thread=to or id, channel=MESSAGING, customer=present(id=of("x", to)))
    name = users[sender]["name"].name() if sender else None
    common: dict[str, Any] = {"channel": MESSAGING, "customer": present(id=of("x", sender), name=name)}
    rating = rated(options, id, at, content["quick_reply_response"]["metadata"].text(), **common)
    return rating or said(options, id, at, text, thread=sender or id, **common)


def poll(endpoint: Endpoint[Secrets, Options]) -> list[Poll]:
    """The search, where there is one."""
    if endpoint.options.search is None or endpoint.secrets[0].bearer_token is None:
        return []
    return [Poll(Fetch("search"), endpoint.options.search_every_minutes * 60)]


async def pull(fetch: Fetch, endpoint: Endpoint[Secrets, Options], http: Http, now: datetime) -> Pulled:
    """A page of a hundred posts, the newest first; the next round begins behind the newest of this one."""
    since, page, newest = (fetch.arguments.get(name) for name in ("since_id", "page", "newest"))
    asked = present(
        query=endpoint.options.search,
        max_results="100",
        since_id=since if since and _searchable(since, now) else None,
        next_token=page,
        expansions="author_id",
        **{
            "tweet.fields": "created_at,lang,referenced_tweets,in_reply_to_user_id,edit_history_tweet_ids,note_tweet,author_id",
            "user.fields": "name,username",
        },
    )
    headers = {"authorization": f"Bearer {endpoint.secrets[0].bearer_token}"}
    reply = await http(Call("GET", f"{_API}/search/recent?{urlencode(asked)}", headers))
    found = json_body(reply.body)
    posts, passed_over = readable(found["data"], lambda post: [new_post(post, found["includes"], endpoint.options.user_id, now)])
    events = [post for post in posts if isinstance(post, ChannelEvent)]
    answered = sorted({event.post for event in events if event.post is not None}) if endpoint.options.count_replies else []
    newest, then = newest or found["meta"]["newest_id"].id() or since, found["meta"]["next_token"].id()
    return Pulled(
        events,
        Fetch(fetch.key, present(since_id=since, page=then, newest=newest)) if then else None,
        None if then else present(since_id=newest),
        await _replies(answered[:100], headers, http),
        passed_over,
    )


async def _replies(posts: list[str], headers: dict[str, str], http: Http) -> dict[str, int]:
    """How many replies each of our posts has."""
    if not posts:
        return {}
    asked = urlencode({"ids": ",".join(posts), "tweet.fields": "public_metrics"})
    found = json_body((await http(Call("GET", f"{_API}?{asked}", headers))).body)
    return counted((post["id"], post["public_metrics"]["reply_count"]) for post in found["data"])


def _searchable(id: str, now: datetime) -> bool:
    """Ids of X begin with their time."""
    if not re.fullmatch("[0-9]{1,19}", id):
        return False
    return datetime.fromtimestamp(((int(id) >> 22) + _EPOCH_MS) / 1000, UTC) > now - _SEARCHABLE


ADAPTER = Adapter(
    name="x",
    title="X",
    secrets=Secrets,
    options=Options,
    receive=receive,
    pull=pull,
    poll=poll,
    setup=(
        "In the Developer Portal create an app and copy its API Key Secret; with OAuth 2.0 its Client Secret as well",
        "Register the webhook: POST https://api.x.com/2/webhooks with the url {url}; X calls it at once, and hourly, and must be answered",
        "Subscribe to post.mention.create, post.reply.create and post.quote.create of our account (X Activity API)",
        "Without a webhook: give the bearer token and a search; X bills what is read, and reaches seven days back",
        "Test: mention the account from another one",
    ),
)
