"""Posts of X as events, in both forms in which X writes them: the old one (id_str, user) and that of version 2 (author_id, includes).

An edit is a new post that names its predecessors: the first of them is the id of all, and their number the revision. What our own
account writes is a reply of ours, or none of our business.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from services.ingest.adapters.adapter import ChannelEvent
from services.ingest.adapters.conversations import SOCIAL, of, replied
from services.ingest.adapters.gathering import Found
from services.ingest.adapters.node import Node
from services.ingest.adapters.questions import present
from services.ingest.adapters.times import unix_date

UTC = ZoneInfo("UTC")


def old_post(post: Node, account: str | None, now: datetime) -> Found:
    """One of `tweet_create_events`."""
    if post["retweeted_status"].here:
        return "repost"
    ids = [id for id in (edit.id() for edit in post["edit_history"]["edit_tweet_ids"]) if id]
    id = post["id_str"].id() or post["id"].required_id()
    text = post["extended_tweet"]["full_text"].text() or post["full_text"].text() or post["text"].text()
    user, above = post["user"], post["in_reply_to_status_id_str"].id() or post["in_reply_to_status_id"].id()
    author = user["id_str"].id() or user["id"].id()
    at = post["timestamp_ms"].epoch(1000) or unix_date(post["created_at"].text() or "") or now
    to_us = account is not None and account == (post["in_reply_to_user_id_str"].id() or post["in_reply_to_user_id"].id())
    return _event(ids or [id], at, text, above, user, post["lang"], author, ours=author is not None and author == account, to_us=to_us)


def new_post(post: Node, includes: Node, account: str | None, now: datetime) -> Found:
    """One of version 2; `includes` holds who wrote it, where X was asked for that or sends it by itself."""
    above = None
    for other in post["referenced_tweets"]:
        kind = other["type"].text()
        if kind == "retweeted":
            return "repost"
        above = other["id"].id() if kind == "replied_to" else above
    ids = [id for id in (edit.id() for edit in post["edit_history_tweet_ids"]) if id]
    author = post["author_id"].id()
    user = next((user for user in includes["users"] if author is not None and user["id"].id() == author), Node(None))
    at = post["created_at"].iso(UTC) or now
    text = post["note_tweet"]["text"].text() or post["text"].text()
    to_us = account is not None and account == post["in_reply_to_user_id"].id()
    ids = ids or [post["id"].required_id()]
    return _event(ids, at, text, above, user, post["lang"], author, ours=author is not None and author == account, to_us=to_us)


def _event(
    ids: list[str],
    at: datetime,
    text: str | None,
    above: str | None,
    user: Node,
    language: Node,
    author: str | None,
    *,
    ours: bool,
    to_us: bool,
) -> Found:
    """`ours`: our account wrote it. `to_us`: it answers a post of ours, `above`, whose replies X counts: the direct ones."""
    id, revision = ids[0], len(ids) if len(ids) > 1 else None
    if text is None:
        return "no_text"
    if ours:
        return "own_words" if above is None else replied(id, at, text, thread=above, channel=SOCIAL, revision=revision)
    handle = user["screen_name"].name() or user["username"].name()
    customer = present(id=of("x", author), name=user["name"].name())
    code = language.language()
    data = present(
        channel=SOCIAL,
        text=text,
        author=handle,
        reply_to=above,
        url=f"https://x.com/i/web/status/{ids[-1]}" if ids[-1].isalnum() else None,
        customer=customer,
        language=None if code == "und" else code,
        revision=revision,
    )
    return ChannelEvent("feedback.comment_posted.v1", id, at, data, above if to_us else None)
