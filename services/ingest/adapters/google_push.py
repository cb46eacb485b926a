"""Google's Pub/Sub push: a message in an envelope, with a token that Google signed for the audience and the account of the subscription.

The token does not cover the body. https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

import jwt

from services.ingest.adapters import times
from services.ingest.adapters.adapter import Call, NotProven, Request
from services.ingest.adapters.mime import binary
from services.ingest.adapters.node import Node, json_body
from services.ingest.adapters.signatures import check_token, proof_asked_for

_KEYS = "https://www.googleapis.com/oauth2/v3/certs"
_ISSUERS = ("https://accounts.google.com", "accounts.google.com")
_SKEW = timedelta(minutes=5)


def push_keys(request: Request) -> Call | None:
    """Google's public keys, for a request that has a token."""
    return Call("GET", _KEYS) if _token(request) is not None else None


def check_push(request: Request, subscriptions: Iterable[tuple[str, str]]) -> None:
    """The token is signed by Google, fresh, and made for one of the subscriptions, an audience and the address of an account.

    Its instants are held against the request's, not a clock. Raises NotProven.
    """
    if not proof_asked_for():
        return
    token = _token(request)
    if token is None or request.keys is None:
        raise NotProven("no_token")
    try:
        key = jwt.PyJWKSet.from_json(request.keys.decode())[jwt.get_unverified_header(token)["kid"]]
        unchecked = {f"verify_{claim}": False for claim in ("exp", "iat", "nbf", "aud", "iss")}
        claims = jwt.decode(token, key, algorithms=["RS256"], options=unchecked)  # type: ignore[arg-type]
    except (jwt.PyJWTError, KeyError, ValueError, TypeError, AttributeError, RecursionError):
        raise NotProven("wrong_token") from None
    issued_at, expires_at = (_instant(claims.get(claim)) for claim in ("iat", "exp"))
    if issued_at is None or expires_at is None or not issued_at - _SKEW <= request.at <= expires_at + _SKEW:
        raise NotProven("stale")
    if claims.get("iss") not in _ISSUERS or claims.get("email_verified") is not True:
        raise NotProven("wrong_token")
    sent = "\n".join(str(claims.get(claim)) for claim in ("aud", "email"))
    check_token(sent, (f"{audience}\n{account}" for audience, account in subscriptions))


def pushed(request: Request) -> Node:
    """What the message holds. Raises Unreadable."""
    return json_body(binary(json_body(request.body)["message"]["data"].required_text()))


def _token(request: Request) -> str | None:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() or None if kind.lower() == "bearer" else None


def _instant(claim: object) -> datetime | None:
    return times.epoch(claim) if isinstance(claim, int | float) else None
