"""The proof that a scheme asks for, checked; and what stands in the envelope of those that have one."""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from services.ingest.adapters import times
from services.ingest.adapters.adapter import Call, NotProven, Request
from services.ingest.adapters.forms import form_or_json, query
from services.ingest.adapters.google_push import check_push, push_keys, pushed
from services.ingest.adapters.jsonpaths import Work, found
from services.ingest.adapters.node import Node, json_body
from services.ingest.adapters.pem import ec_public_key
from services.ingest.adapters.proving import proving
from services.ingest.adapters.schemes import (
    Basic,
    Ecdsa,
    Fields,
    GooglePush,
    HeaderToken,
    Hmac,
    QueryToken,
    Scheme,
    SchemeSecrets,
    Sns,
    StandardWebhooks,
    Twilio,
)
from services.ingest.adapters.signatures import base64_text, check_any, check_hmac, check_token, hexadecimal, proof_asked_for
from services.ingest.adapters.sns import certificate_at, verified
from services.ingest.adapters.standard_webhooks import check_standard_webhook
from services.ingest.adapters.twilio_signature import check_twilio

_UTC = ZoneInfo("UTC")


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
        case Fields():
            _fields(request, scheme, keys)
        case Twilio():
            check_twilio(request, keys)
        case Sns():
            return verified(request, keys, _UTC)["Timestamp"].iso(_UTC)
        case GooglePush():
            check_push(request, ((scheme.audience, key) for key in keys))
    return None


def keys_of(request: Request, scheme: Scheme, secrets: Sequence[SchemeSecrets]) -> Call | None:
    """Where the public keys are that the request says it is signed with, for schemes that have them. Raises NotProven."""
    match scheme:
        case Sns():
            return certificate_at(request, [secret.secret for secret in secrets])
        case GooglePush():
            return push_keys(request)
    return None


def content(request: Request, scheme: Scheme) -> Node:
    """What the sender says, out of the envelope of those that have one. Raises Unreadable."""
    match scheme:
        case Sns():
            return json_body(json_body(request.body)["Message"].required_text().encode())
        case GooglePush():
            return pushed(request)
    return form_or_json(request)


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


def _fields(request: Request, scheme: Fields, keys: Sequence[str]) -> None:
    if not proof_asked_for():
        return
    with proving():
        body, work = form_or_json(request).value, Work()
        *signed, sent = (Node(next(found(path, body, work), None), path).text() or "" for path in (*scheme.over, scheme.signature))
    text = "".join(signed).encode()
    digests = (
        hmac.digest(key.encode(), text, scheme.algorithm).hex()
        if scheme.digest == "hmac"
        else hashlib.new(scheme.algorithm, text + key.encode(), usedforsecurity=False).hexdigest()
        for key in keys
    )
    check_any(sent.lower(), digests)


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
