"""A shared token, for vendors that sign nothing: behind the pasted URL, or in a header where the vendor lets one set headers.

It proves who sends, not what is sent: the body is protected by TLS alone.
"""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from services.ingest.adapters.adapter import Form, Request
from services.ingest.adapters.forms import query
from services.ingest.adapters.proving import proving
from services.ingest.adapters.signatures import check_token

HEADER = "x-hearback-token"


class TokenSecrets(Form):
    """What only the vendor and this endpoint know."""

    token: Annotated[
        str,
        Field(
            min_length=16,
            max_length=256,
            pattern="^[A-Za-z0-9_-]+$",
            description="Any 16 or more letters, digits, _ and -, best made by chance; it goes to the vendor behind the URL",
        ),
    ]


def check_sent_token(request: Request, secrets: Sequence[TokenSecrets]) -> None:
    """The request carries one of the tokens in its query, or in the header X-Hearback-Token. Raises NotProven."""
    with proving():
        sent = request.headers.get(HEADER) or query(request.url)["token"].text()
    check_token(sent, (secret.token for secret in secrets))
