"""The ways in which a sender of its own making can prove itself; the endpoint's options say which, its secrets hold the key."""

from datetime import datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from services.ingest.adapters import times
from services.ingest.adapters.adapter import Form, Request
from services.ingest.adapters.jsonpaths import Path
from services.ingest.adapters.signatures import check_fresh

Header = Annotated[str, Field(pattern="^[a-zA-Z0-9-]{1,64}$", description="The header's name")]

_UTC = ZoneInfo("UTC")


class SchemeSecrets(Form):
    """The key of the scheme."""

    secret: Annotated[
        str,
        Field(
            min_length=8,
            max_length=4096,
            description="What the scheme needs: the token, user:password, the key of the HMAC, whsec_…, a public key; see the scheme",
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


class Fields(Form):
    """A digest over fields of the body, which stands in another; it does not cover the rest of the body."""

    scheme: Literal["fields"] = "fields"
    over: Annotated[tuple[Path, ...], Field(min_length=1, max_length=8, description="The fields whose texts are signed, in their order")]
    signature: Annotated[Path, Field(description="The field with the digest, in hexadecimal digits")]
    algorithm: Literal["md5", "sha1", "sha256", "sha512"] = "sha256"
    digest: Annotated[Literal["hmac", "hash"], Field(description="An HMAC, or a hash of the fields with the secret behind them")] = "hmac"


class Twilio(Form):
    """As Twilio signs: the URL and a form's fields; the secret is the account's auth token."""

    scheme: Literal["twilio"] = "twilio"


class Sns(Form):
    """Messages of an Amazon SNS topic, whose ARN is the secret; the mapping reads what the message holds."""

    scheme: Literal["sns"] = "sns"


class GooglePush(Form):
    """A push of Google Pub/Sub; the secret is the address of the subscription's service account. The mapping reads the message's data."""

    scheme: Literal["google_push"] = "google_push"
    audience: Annotated[str, Field(min_length=1, max_length=512, description="The audience of the push subscription")]


Scheme = Annotated[
    HeaderToken | QueryToken | Basic | Hmac | StandardWebhooks | Ecdsa | Fields | Twilio | Sns | GooglePush,
    Field(discriminator="scheme", description="How the sender proves itself; one that covers the body is better than a token"),
]
