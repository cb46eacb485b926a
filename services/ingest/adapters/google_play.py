"""Reviews in Google Play, polled: the API shows those written or changed within the last week, and only those with words.

https://developers.google.com/android-publisher/api-ref/rest/v3/reviews
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode

from pydantic import Field

from services.ingest.adapters.adapter import Adapter, Call, ChannelEvent, Endpoint, Fetch, Form, Http, Poll, Pulled
from services.ingest.adapters.conversations import replied
from services.ingest.adapters.gathering import readable
from services.ingest.adapters.google import ServiceAccount, token_of_account
from services.ingest.adapters.node import Node, json_body
from services.ingest.adapters.questions import present
from services.ingest.adapters.reviews import REVIEW, reviewed
from services.ingest.adapters.rounds import Round
from services.ingest.adapters.times import revision

_API = "https://androidpublisher.googleapis.com/androidpublisher/v3/applications"
_SCOPE = "https://www.googleapis.com/auth/androidpublisher"
_KEY = "reviews"
_HOUR = 3600.0
_WEEK = timedelta(days=7)


class Options(Form):
    """Which app."""

    package: Annotated[
        str,
        Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)+$", max_length=256, description="The app's package name, com.example.app"),
    ]


def poll(_: Endpoint[ServiceAccount, Options]) -> list[Poll]:
    """Every hour; Google allows 200 reads an hour."""
    return [Poll(Fetch(_KEY), _HOUR)]


async def pull(fetch: Fetch, endpoint: Endpoint[ServiceAccount, Options], http: Http, now: datetime) -> Pulled:
    """One page of reviews, in no order that Google promises."""
    current = Round.of(fetch.arguments, now, _WEEK)
    token = await token_of_account(endpoint.secrets[0], _SCOPE, http, now)
    query = urlencode(present(maxResults="100", token=current.page))
    url = f"{_API}/{endpoint.options.package}/reviews?{query}"
    body = json_body((await http(Call("GET", url, {"authorization": f"Bearer {token}", "accept": "application/json"}))).body)
    found, passed_over = readable(body["reviews"], lambda review: _events(review, endpoint.options.package))
    return current.pulled(_KEY, found, body["tokenPagination"]["nextPageToken"].text(), passed_over)


def _events(review: Node, package: str) -> Iterator[tuple[ChannelEvent, datetime]]:
    """The review as it stands now, and the company's reply, each with the instant of its version."""
    id = review["reviewId"].required_id()
    for comment in review["comments"]:
        written, reply = comment["userComment"], comment["developerComment"]
        if written.here:
            at = _at(written)
            yield _review(id, review["authorName"].name(), written, at, package), at
        elif reply.here and (text := reply["text"].text()):
            at = _at(reply)
            yield (
                replied(Node(f"{id}/reply").required_id(), at, text, thread=id, channel=REVIEW, product=package, revision=revision(at)),
                at,
            )


def _review(id: str, author: str | None, written: Node, at: datetime, package: str) -> ChannelEvent:
    title, _, body = (written["text"].text() or "").partition("\t")
    return reviewed(
        id,
        at,
        written["starRating"].number(),
        title.strip(),
        body.strip(),
        author=author,
        product=package,
        language=written["reviewerLanguage"].language(),
        tags=present(app_version=written["appVersionName"].name()),
        revision=revision(at),
    )


def _at(comment: Node) -> datetime:
    seconds = comment["lastModified"]["seconds"]
    return seconds.epoch() or seconds.wrong("a time since 1970")


ADAPTER = Adapter(
    name="google_play",
    title="Google Play reviews",
    secrets=ServiceAccount,
    options=Options,
    receive=None,
    pull=pull,
    poll=poll,
    setup=(
        "In Google Cloud enable the Google Play Android Developer API, make a service account, and download a JSON key for it",
        "In the Play Console open Users and permissions, invite the service account's address, "
        "and let it view app information and reply to reviews",
        "Give this endpoint client_email and private_key of the JSON key, and the app's package name",
        "Test: within an hour this endpoint shows the reviews of the last week",
    ),
)
