"""Access tokens of Google's: what a step of a pull shows the API, had anew each time and never stored.

https://developers.google.com/identity/protocols/oauth2/service-account, /web-server#offline
"""

from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import Field, field_validator

from services.ingest.adapters.adapter import Call, Form, Http
from services.ingest.adapters.node import json_body
from services.ingest.adapters.pem import private_key

TOKENS = "https://oauth2.googleapis.com/token"
_LIVES = timedelta(minutes=10)


class ServiceAccount(Form):
    """A service account's key, from the JSON file that Google lets one download once."""

    client_email: Annotated[str, Field(min_length=3, max_length=320, description="client_email in the service account's JSON key")]
    private_key: Annotated[
        str, Field(min_length=1, max_length=8192, description="private_key in the same file, whole, with its first and last line")
    ]

    @field_validator("private_key")
    @classmethod
    def is_a_key(cls, value: str) -> str:
        """Refused when it is set, not when it is used."""
        if not isinstance(private_key(value, "a PEM"), rsa.RSAPrivateKey):
            raise ValueError("private_key should be an RSA key")
        return value


class RefreshToken(Form):
    """What a person's consent gave: good until it is withdrawn."""

    client_id: Annotated[
        str, Field(min_length=1, max_length=256, description="Google Cloud, APIs and services, Credentials: OAuth client ID")
    ]
    client_secret: Annotated[str, Field(min_length=1, max_length=256, description="The same page: client secret")]
    refresh_token: Annotated[
        str, Field(min_length=1, max_length=2048, description="From the consent of a person who manages the profile, with offline access")
    ]


async def token_of_account(account: ServiceAccount, scope: str, http: Http, now: datetime) -> str:
    """An access token for a service account."""
    claims = {"iss": account.client_email, "scope": scope, "aud": TOKENS, "iat": now, "exp": now + _LIVES}
    # Checked when it was set; checking it again takes a tenth of a second.
    key = load_pem_private_key(account.private_key.encode(), None, unsafe_skip_rsa_key_validation=True)
    assertion = jwt.encode(claims, key, algorithm="RS256")  # type: ignore[arg-type]  # the form takes RSA keys alone
    return await _token({"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}, http)


async def token_of_consent(consent: RefreshToken, http: Http) -> str:
    """An access token from a refresh token."""
    return await _token(
        {
            "grant_type": "refresh_token",
            "client_id": consent.client_id,
            "client_secret": consent.client_secret,
            "refresh_token": consent.refresh_token,
        },
        http,
    )


async def _token(fields: dict[str, str], http: Http) -> str:
    headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
    reply = await http(Call("POST", TOKENS, headers, urlencode(fields).encode()))
    return json_body(reply.body)["access_token"].required_text()
