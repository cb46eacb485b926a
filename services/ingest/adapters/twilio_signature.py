"""Twilio's signature: over the URL that it called and the form's fields; a body of another kind is covered by its SHA-256 in the query.

https://www.twilio.com/docs/usage/webhooks/webhooks-security
"""

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from services.ingest.adapters.adapter import NotProven, Request
from services.ingest.adapters.forms import fields, query
from services.ingest.adapters.proving import proving
from services.ingest.adapters.signatures import base64_text, check_any, proof_asked_for

_STANDARD_PORTS = {"http": ":80", "https": ":443"}


def check_twilio(request: Request, tokens: Iterable[str]) -> None:
    """One of the auth tokens signed the request. Raises NotProven."""
    if not proof_asked_for():
        return
    with proving():
        written = "".join(_signed_fields(request))
    signed = [(url + written).encode("utf-8", "surrogatepass") for url in _urls(request.url)]
    expected = [base64_text(hmac.digest(token.encode(), one, "sha1")) for token in tokens for one in signed]
    check_any(request.headers.get("x-twilio-signature"), expected)


def _signed_fields(request: Request) -> Iterator[str]:
    """Names and values as they are signed: sorted by name, the values of a repeated name once each, sorted."""
    digest = query(request.url)["bodySHA256"].text()
    if digest is not None:
        if not hmac.compare_digest(digest.encode(), hashlib.sha256(request.body).hexdigest().encode()):
            raise NotProven("wrong_signature")
        return
    values: dict[str, set[str]] = {}
    for name, value in fields(request):
        values.setdefault(name, set()).add(value)
    for name in sorted(values):
        for value in sorted(values[name]):
            yield name + value


def _urls(url: str) -> set[str]:
    """The URL with and without its scheme's standard port: Twilio signs the one that it was given."""
    parts = urlsplit(url)
    port = _STANDARD_PORTS.get(parts.scheme, "")
    bare = parts.netloc.removesuffix(port)
    netlocs = {bare, bare + port} if ":" not in bare else {parts.netloc}
    return {url, *(parts._replace(netloc=netloc).geturl() for netloc in netlocs)}
