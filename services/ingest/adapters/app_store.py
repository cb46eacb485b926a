"""Reviews in Apple's App Store, polled over the App Store Connect API, newest first.

https://developer.apple.com/documentation/appstoreconnectapi/get-v1-apps-_id_-customerreviews
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import Field, field_validator

from services.ingest.adapters.adapter import Adapter, Call, ChannelEvent, Endpoint, Fetch, Form, Http, Poll, Pulled
from services.ingest.adapters.conversations import replied
from services.ingest.adapters.gathering import readable
from services.ingest.adapters.node import Node, json_body
from services.ingest.adapters.pem import private_key
from services.ingest.adapters.reviews import REVIEW, reviewed
from services.ingest.adapters.rounds import Round
from services.ingest.adapters.times import revision

_API = "https://api.appstoreconnect.apple.com"
_AUDIENCE = "appstoreconnect-v1"
_TOKEN_LIVES = timedelta(minutes=10)
"""Apple refuses tokens of more than twenty minutes."""
_KEY = "reviews"
_HOUR = 3600.0
_LOOKED_BACK = timedelta(days=30)
"""How far the first round reaches, and how old a review may be whose answer by the company is still noticed."""


class Secrets(Form):
    """A key of the App Store Connect API."""

    issuer_id: Annotated[
        str, Field(min_length=1, max_length=64, description="Users and Access, Integrations, App Store Connect API: Issuer ID")
    ]
    key_id: Annotated[str, Field(min_length=1, max_length=64, description="The same page: Key ID")]
    private_key: Annotated[
        str, Field(min_length=1, max_length=4096, description="The content of the .p8 file, with its first and last line")
    ]

    @field_validator("private_key")
    @classmethod
    def is_a_key(cls, value: str) -> str:
        """Refused when it is set, not when it is used."""
        key = private_key(value, "the content of the .p8 file")
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
            raise ValueError("private_key should be a key for ES256, as Apple makes them")
        return value


class Options(Form):
    """Which app."""

    app_id: Annotated[str, Field(pattern="^[0-9]{1,20}$", description="App Store Connect, your app, App Information: Apple ID")]


def poll(_: Endpoint[Secrets, Options]) -> list[Poll]:
    """Every hour."""
    return [Poll(Fetch(_KEY), _HOUR)]


async def pull(fetch: Fetch, endpoint: Endpoint[Secrets, Options], http: Http, now: datetime) -> Pulled:
    """One page of reviews with the company's answers; older ones than a month before the last round are left alone."""
    current = Round.of(fetch.arguments, now, _LOOKED_BACK)
    query = {"sort": "-createdDate", "include": "response", "limit": "200"} | ({"cursor": current.page} if current.page else {})
    url = f"{_API}/v1/apps/{endpoint.options.app_id}/customerReviews?{urlencode(query)}"
    headers = {"authorization": f"Bearer {_token(endpoint.secrets[0], now)}", "accept": "application/json"}
    body = json_body((await http(Call("GET", url, headers))).body)
    reviews, odd = readable(body["data"], lambda review: [(review, _created_at(review, endpoint))])
    answers = {answer["id"].id(): answer for answer in body["included"] if answer["type"].text() == "customerReviewResponses"}
    found, odder = readable(reviews, lambda dated: _events(dated[0], dated[1], answers, endpoint))
    is_deep_enough = any(at < current.since - _LOOKED_BACK for _, at in reviews)
    page = None if is_deep_enough or not reviews else _next(body["links"]["next"])
    return current.pulled(_KEY, found, page, Counter(odd) + Counter(odder))


def _next(link: Node) -> str | None:
    """The cursor in the link to the next page; the address itself is ours to make, so that the token goes nowhere else."""
    url = link.text()
    try:
        return None if url is None else parse_qs(urlsplit(url).query, max_num_fields=100).get("cursor", [None])[0]
    except ValueError:
        return link.wrong("a link")


def _token(secrets: Secrets, now: datetime) -> str:
    claims = {"iss": secrets.issuer_id, "iat": now, "exp": now + _TOKEN_LIVES, "aud": _AUDIENCE}
    return jwt.encode(claims, secrets.private_key, algorithm="ES256", headers={"kid": secrets.key_id})


def _created_at(review: Node, endpoint: Endpoint[Secrets, Options]) -> datetime:
    created = review["attributes"]["createdDate"]
    return created.iso(endpoint.zone) or created.wrong("a time")


def _events(
    review: Node, at: datetime, answers: dict[str | None, Node], endpoint: Endpoint[Secrets, Options]
) -> Iterator[tuple[ChannelEvent, datetime]]:
    """The review, which has a new createdDate when its author changes it, and the company's answer."""
    id, told, app = review["id"].required_id(), review["attributes"], endpoint.options.app_id
    event = reviewed(
        id,
        at,
        told["rating"].number(),
        told["title"].text(),
        told["body"].text(),
        author=told["reviewerNickname"].name(),
        region=told["territory"].name(),
        product=app,
        revision=revision(at),
    )
    yield event, at
    answer = answers.get(review["relationships"]["response"]["data"]["id"].id())
    if answer is not None and (text := answer["attributes"]["responseBody"].text()):
        changed_at = answer["attributes"]["lastModifiedDate"].iso(endpoint.zone) or at
        own = Node(f"{id}/reply").required_id()
        yield replied(own, changed_at, text, thread=id, channel=REVIEW, product=app, revision=revision(changed_at)), changed_at


ADAPTER = Adapter(
    name="app_store",
    title="App Store reviews",
    secrets=Secrets,
    options=Options,
    receive=None,
    pull=pull,
    poll=poll,
    setup=(
        "In App Store Connect open Users and Access, Integrations, App Store Connect API, "
        "and generate a team key with the role Customer Support",
        "Give this endpoint the issuer ID, the key ID and the content of the .p8 file, which Apple lets you download once",
        "Give it the app's Apple ID, which stands under App Information",
        "Test: within an hour this endpoint shows the reviews of the last month",
    ),
)
