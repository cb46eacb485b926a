"""Text messages over Twilio, or over any gateway that takes a JSON document. The operator's own is not guarded, a tenant's is.

Twilio knows no idempotency key: a message whose answer was lost is sent twice rather than not at all.
https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource
"""

from typing import Annotated, Literal

import httpx
from pydantic import BaseModel, Field, SecretStr

from shared.delivery.delivery import Delivery, Outcome, Verdict
from shared.delivery.guard import GuardedNetwork, RefusedAddress, transport
from shared.delivery.tls import trusted
from shared.delivery.webhook import RETRIED_STATUSES

TWILIO = "https://api.twilio.com"
NO_NUMBERS = frozenset({21211, 21214, 21217, 21610, 21612, 21614})
"""Twilio's codes for a number that takes no texts, or none from us any more: https://www.twilio.com/docs/api/errors"""


class SmsGateway(BaseModel):
    """`twilio`: `account` is its SID, `token` its auth token, `sender` a number or a messaging service's SID (MG…).

    `http`: a POST of {id, to, text, from} as JSON to `url`, with `token` as bearer and the delivery's id as Idempotency-Key.
    """

    model_config = {"frozen": True}

    kind: Literal["twilio", "http"]
    sender: Annotated[str, Field(min_length=1)]
    url: str = TWILIO
    account: str = ""
    token: SecretStr


class SmsSender:
    """Sends texts. Keeps one client."""

    def __init__(self, gateway: SmsGateway, network: GuardedNetwork | None = None) -> None:
        """`network` guards a gateway that is not the operator's choice."""
        self._gateway = gateway
        # The loop of deliveries limits the time.
        self._client = httpx.AsyncClient(
            verify=trusted("http"),
            timeout=None,  # noqa: S113
            follow_redirects=False,
            transport=transport(network),
        )

    async def close(self) -> None:
        """Let the connections go."""
        await self._client.aclose()

    async def send(self, to: str, text: str, delivery: Delivery) -> Outcome:
        """One attempt, without a limit in time of its own."""
        try:
            response = await self._client.send(self._request(to, text, delivery))
        except httpx.TransportError as failed:
            return Outcome(Verdict.AGAIN, f"the gateway: {type(failed).__name__}")
        except RefusedAddress as refused:
            return Outcome(Verdict.AGAIN, f"the gateway: {refused}")
        if response.is_success:
            return Outcome(Verdict.DELIVERED, "taken by the gateway", response.status_code)
        again = response.status_code >= 500 or response.status_code in (401, 403, *RETRIED_STATUSES)  # the token can be set right
        verdict = Verdict.AGAIN if again else Verdict.REFUSED
        code = _code(response)
        detail = f"the gateway answered {response.status_code}" + ("" if code is None else f", error {code}")
        return Outcome(verdict, detail, response.status_code, address_is_dead=verdict is Verdict.REFUSED and code in NO_NUMBERS)

    def _request(self, to: str, text: str, delivery: Delivery) -> httpx.Request:
        gateway, token = self._gateway, self._gateway.token.get_secret_value()
        if gateway.kind == "http":
            headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": str(delivery.id)}
            document = {"id": str(delivery.id), "to": to, "text": text, "from": gateway.sender}
            return self._client.build_request("POST", gateway.url, headers=headers, json=document)
        url = f"{gateway.url.rstrip('/')}/2010-04-01/Accounts/{gateway.account}/Messages.json"
        origin = "MessagingServiceSid" if gateway.sender.startswith("MG") else "From"
        request = self._client.build_request("POST", url, data={"To": to, "Body": text, origin: gateway.sender})
        return next(httpx.BasicAuth(gateway.account, token).auth_flow(request))


def _code(response: httpx.Response) -> int | None:
    """Twilio's own code of an error."""
    try:
        code = response.json()["code"]
    except (ValueError, KeyError, TypeError):
        return None
    return code if isinstance(code, int) else None
