"""The ways in which a sender of its own making can prove itself; the endpoint's options say which, its secrets hold the key."""

import base64
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import Field

from services.ingest.adapters import times
from services.ingest.adapters.adapter import Form, NotProven, Request
from services.ingest.adapters.forms import query
from services.ingest.adapters.pem import ec_public_key
from services.ingest.adapters.proving import proving
from services.ingest.adapters.signatures import base64_text, check_fresh, check_hmac, check_token, hexadecimal, proof_asked_for
from services.ingest.adapters.standard_webhooks import check_standard_webhook

Header = Annotated[str, Field(pattern="^[a-zA-Z0-9-]{1,64}$", description="The header's name")]

_UTC = ZoneInfo("UTC")


class SchemeSecrets(Form):
    """The key of the scheme."""

    secret: Annotated[
        str,
        Field(
            min_length=8,
            max_length=4096,
            description="What the scheme needs: the token, user:password, the key of the HMAC, whsec_…, or a public key in PEM",
        ),
    ]


class HeaderToken(Form):
    """The secret itself in a header."""

    scheme: Literal["header"] = "header"
    header: Header = "x-hearback-token"
    prefix: Annotated[str, Field(max_length=32, description="What stands before the secret, such as Bearer and a space")] = ""


class QueryToken(Form):
    """The secret itself in the URL, for senders that can set no header."""

    scheme: Literal["query"] = "query"
    parameter: Annotated[str, Field(pattern="^[a-zA-Z0-9_-]{1,64}$", description="The name in the query")] = "token"


class Basic(Form):
    """HTTP Basic; the secret is user:password."""

    scheme: Literal["basic"] = "basic"


class _Signed(Form):
    """A signature over the body, or over a timestamp and the body."""

    header: Header = "x-signature"
    timestamp_header: Annotated[Header | None, Field(description="The header of a timestamp that is signed before the body")] = None
    timestamp_written: Literal["seconds", "milliseconds", "iso"] = "seconds"
    before: Annotated[str, Field(max_length=32, description="What is signed before the timestamp, such as v0:")] = ""
    between: Annotated[str, Field(max_length=32, description="What is signed between timestamp and body, such as a dot")] = ""
    fresh_seconds: Annotated[int, Field(ge=1, le=172_800, description="How old a timestamp may be")] = 300

    def over(self, request: Request) -> tuple[str, bytes]:
        """The timestamp as it was sent, and all that is signed."""
        stamp = request.headers.get(self.timestamp_header.lower(), "") if self.timestamp_header else ""
        return stamp, f"{self.before}{stamp}{self.between}".encode("utf-8", "surrogatepass") + request.body

    def signed_at(self, stamp: str, now: datetime) -> datetime | None:
        """When it was signed, None without a timestamp. Raises NotProven when that is too long ago, or cannot be read."""
        if self.timestamp_header is None:
            return None
        written = self.timestamp_written
        at = times.iso(stamp, _UTC) if written == "iso" else times.epoch(stamp or "x", 1 if written == "seconds" else 1000)
        check_fresh(at, now, timedelta(seconds=self.fresh_seconds))
        return at


class Hmac(_Signed):
    """An HMAC."""

    scheme: Literal["hmac"] = "hmac"
    algorithm: Literal["sha1", "sha256", "sha512"] = "sha256"
    written: Literal["hex", "base64"] = "hex"
    prefix: Annotated[str, Field(max_length=32, description="What stands before the signature, such as sha256=")] = ""


class StandardWebhooks(Form):
    """https://www.standardwebhooks.com: webhook-id, webhook-timestamp, webhook-signature; the secret begins with whsec_."""

    scheme: Literal["standard_webhooks"] = "standard_webhooks"


class Ecdsa(_Signed):
    """An ECDSA signature; the secret is the sender's public key, in PEM or its base64 alone."""

    scheme: Literal["ecdsa"] = "ecdsa"
    header: Header = "x-hub-ecdsa-signature"
    algorithm: Literal["sha256", "sha512"] = "sha512"
    written: Literal["hex", "base64"] = "hex"


Scheme = Annotated[
    HeaderToken | QueryToken | Basic | Hmac | StandardWebhooks | Ecdsa,
    Field(discriminator="scheme", description="How the sender proves itself; one that covers the body is better than a token"),
]


def prove(request: Request, scheme: Scheme, secrets: Sequence[SchemeSecrets]) -> datetime | None:
    """Check the proof; when the sender signed, where the scheme has a timestamp. Raises NotProven."""
    keys = [secret.secret for secret in secrets]
    match scheme:
        case HeaderToken():
            sent = request.headers.get(scheme.header.lower())
            check_token(sent, (scheme.prefix + key for key in keys))
        case QueryToken():
            with proving():
                check_token(query(request.url)[scheme.parameter].text(), keys)
        case Basic():
            expected = ["Basic " + base64_text(key.encode()) for key in keys]
            check_token(request.headers.get("authorization"), expected)
        case Hmac():
            return _hmac(request, scheme, keys)
        case StandardWebhooks():
            return _standard(request, keys)
        case Ecdsa():
            return _ecdsa(request, scheme, keys)
    return None


def _hmac(request: Request, scheme: Hmac, keys: Sequence[str]) -> datetime | None:
    stamp, signed = scheme.over(request)
    check_hmac(
        request.headers.get(scheme.header.lower()),
        signed,
        (key.encode() for key in keys),
        scheme.algorithm,
        written=hexadecimal if scheme.written == "hex" else base64_text,
        prefix=scheme.prefix,
    )
    return scheme.signed_at(stamp, request.at)


def _standard(request: Request, keys: Sequence[str]) -> datetime | None:
    if proof_asked_for():
        check_standard_webhook(request, keys)
    return times.epoch(request.headers.get("webhook-timestamp") or "x")


def _ecdsa(request: Request, scheme: Ecdsa, keys: Sequence[str]) -> datetime | None:
    stamp, signed = scheme.over(request)
    if proof_asked_for():
        sent = request.headers.get(scheme.header.lower())
        if not sent:
            raise NotProven("no_signature")
        if not any(_is_of(key, sent, signed, scheme) for key in keys):
            raise NotProven("wrong_signature")
    return scheme.signed_at(stamp, request.at)


def _is_of(key: str, sent: str, signed: bytes, scheme: Ecdsa) -> bool:
    try:
        signature = bytes.fromhex(sent) if scheme.written == "hex" else base64.b64decode(sent, validate=True)
        ec_public_key(key).verify(signature, signed, ec.ECDSA(hashes.SHA256() if scheme.algorithm == "sha256" else hashes.SHA512()))
    except (ValueError, InvalidSignature):
        return False
    return True
