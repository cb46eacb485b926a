"""Comments, visitors' posts and recommendations on a Facebook Page, through the Page's webhook fields `feed` and `ratings`.

An app has one URL for all that concerns its Pages, so messages that it hears there are taken here as well, as Messenger's.
Edits and removals come as changes of the same comment, in any order. What the Page itself writes is told apart by its id.
https://developers.facebook.com/docs/graph-api/webhooks/reference/page
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from pydantic import Field

from services.ingest.adapters import meta
from services.ingest.adapters.adapter import Adapter, Call, ChannelEvent, Endpoint, Fetch, Http, Outcome, Poll, Pulled, Request
from services.ingest.adapters.conversations import LAST_REVISION, NO_TEXT, REMOVED, SOCIAL, of, replied
from services.ingest.adapters.gathering import Found, counted, gathered
from services.ingest.adapters.meta import Change
from services.ingest.adapters.meta_messages import MessageOptions, messages
from services.ingest.adapters.node import Node, json_body
from services.ingest.adapters.questions import present
from services.ingest.adapters.scales import GOOD_BAD, pointed, worded
from services.ingest.adapters.times import revision


class Secrets(meta.MetaSecrets):
    """The app's, and the Page's token if the share of comments collected is to be known."""

    page_access_token: Annotated[
        str | None,
        Field(max_length=1024, description="A long-lived Page token with pages_read_engagement; without one posts are not counted"),
    ] = None


class Options(MessageOptions):
    """Which Page, and what its messages are taken for."""

    page_id: Annotated[
        str | None, Field(pattern="^[0-9]{1,32}$", description="The Page's id; with it and the Page's token comments are counted each hour")
    ] = None


_OF_POSTS = ("post", "status", "photo", "video", "share", "link", "note", "album")


def receive(request: Request, endpoint: Endpoint[Secrets, Options]) -> Outcome:
    """One event for each comment, post or recommendation of somebody else; replies of the Page's own."""
    if answer := meta.challenged(request, endpoint.secrets):
        return Outcome(answer=answer)
    body = meta.verified(request, endpoint.secrets, "page")
    return gathered(found for entry in body["entry"] for found in _entry(entry, endpoint.options, request.at))


def _entry(entry: Node, options: Options, now: datetime) -> Iterator[Found]:
    yield from (_found(change, now) for change in meta.changes(entry))
    yield from messages(entry, options, "messenger", now)


def _found(change: Change, now: datetime) -> Found:
    if change.field == "ratings":
        return _recommendation(change, now)
    if change.field != "feed":
        return "other_event"
    item = change.value["item"].text()
    if item == "comment":
        return _comment(change, now)
    return _post(change, now) if item in _OF_POSTS else "reaction"


def _comment(change: Change, now: datetime) -> Found:
    value = change.value
    id, post = value["comment_id"].required_id(), value["post_id"].id()
    at = value["created_time"].epoch() or change.sent_at or now
    above = value["parent_id"].id()
    version = _version(change, value["message"].text())
    if isinstance(version, str):
        return version
    if _is_ours(change):
        return replied(id, at, version.pop("text"), thread=above or post or id, post=post, channel=SOCIAL, **version)
    url = None if version["text"] == REMOVED else value["post"]["permalink_url"].text(2048)
    data = present(channel=SOCIAL, reply_to=above, url=url, **_author(value, version), **version)
    return ChannelEvent("feedback.comment_posted.v1", id, at, data, post)


def _post(change: Change, now: datetime) -> Found:
    value = change.value
    if _is_ours(change):
        return "own_words"
    id, at = value["post_id"].required_id(), value["created_time"].epoch() or change.sent_at or now
    version = _version(change, value["message"].text())
    if isinstance(version, str):
        return version
    return ChannelEvent("feedback.comment_posted.v1", id, at, present(channel=SOCIAL, **_author(value, version), **version))


def _version(change: Change, text: str | None) -> dict[str, Any] | str:
    """Text, revision and tags of this version: a removal comes last, whenever it arrives; what the Page hides was said all the same."""
    verb = change.value["verb"].text()
    if verb == "remove":
        return {"text": REMOVED, "revision": LAST_REVISION}
    if text is None:
        return "moderated" if verb in ("hide", "unhide") else "no_text"
    if verb in ("hide", "unhide"):
        return present(text=text, tags={"hidden": "yes" if verb == "hide" else "no"}, revision=_since(change.sent_at))
    edited_at = change.value["edited_time"].epoch() or (change.sent_at if verb in ("edited", "edit", "update") else None)
    return present(text=text, revision=_since(edited_at))


def _since(at: datetime | None) -> int | None:
    return None if at is None else revision(at)


def _is_ours(change: Change) -> bool:
    return bool(change.account) and change.value["from"]["id"].id() == change.account


def _author(value: Node, version: dict[str, Any]) -> dict[str, Any]:
    return _person(value["from"]["id"].id(), value["from"]["name"].name(), removed=version["text"] == REMOVED)


def _person(id: str | None, name: str | None, *, removed: bool) -> dict[str, Any]:
    """With what somebody wrote goes their name: only the id stays, so that the older version is found."""
    customer = present(id=of("facebook", id), name=None if removed else name)
    return {"author": customer.get("name"), "customer": customer}


def _recommendation(change: Change, now: datetime) -> Found:
    value = change.value
    if value["item"].text() not in ("rating", None):
        return "reaction"
    id, at = value["open_graph_story_id"].required_id(), value["created_time"].epoch() or change.sent_at or now
    version = _version(change, value["review_text"].text() or NO_TEXT)
    if isinstance(version, str):
        return version
    if version["text"] != REMOVED:
        found = worded(GOOD_BAD, value["recommendation_type"].text()) or pointed(value["rating"].number(), 1, 5) or {}
        version |= {"rating" if name == "score" else name: part for name, part in found.items() if name != "choice"}
    sender = value["reviewer_id"].id() or value["sender_id"].id()
    name = value["reviewer_name"].name() or value["sender_name"].name()
    person = _person(sender, name, removed=version["text"] == REMOVED)
    return ChannelEvent("feedback.comment_posted.v1", id, at, present(channel="review", **person, **version))


def poll(endpoint: Endpoint[Secrets, Options]) -> list[Poll]:
    """Where a Page token is given: how many comments each of the latest posts has, each hour."""
    page = endpoint.options.page_id
    return [Poll(Fetch("posts", {"page": page}), 3600)] if page and endpoint.secrets[0].page_access_token else []


async def pull(fetch: Fetch, endpoint: Endpoint[Secrets, Options], http: Http, now: datetime) -> Pulled:
    """The counts of the Page's hundred latest posts."""
    fields = {"fields": "comments.filter(stream).limit(0).summary(total_count)", "limit": "100"}
    url = f"{meta.GRAPH}/{quote(str(fetch.arguments['page']))}/published_posts?{urlencode(fields)}"
    reply = await http(Call("GET", url, {"authorization": f"Bearer {endpoint.secrets[0].page_access_token}"}))
    posts = json_body(reply.body)["data"]
    return Pulled(collected=counted((post["id"], post["comments"]["summary"]["total_count"]) for post in posts))


ADAPTER = Adapter(
    name="facebook_page",
    title="Facebook Page",
    secrets=Secrets,
    options=Options,
    receive=receive,
    pull=pull,
    poll=poll,
    setup=(
        "In the App Dashboard at developers.facebook.com add the product Webhooks, choose Page, Subscribe to this object",
        "Callback URL: {url}; Verify token: the verify_token of this endpoint; Meta calls the URL at once and must be answered",
        "Subscribe to the fields feed and ratings, then install the app on the Page (POST /{page-id}/subscribed_apps)",
        "For messages to the Page subscribe to messages, message_edits, message_echoes, messaging_postbacks and standby too",
        "The app needs pages_manage_metadata, pages_read_engagement and pages_read_user_content, reviewed by Meta for Pages of others",
        "Test: beside the field feed, Test, Send to server; or comment on a post of the Page from a private account",
    ),
)
