"""Text messages over Twilio, or over any gateway that takes a JSON document. Which one is the operator's choice and is not guarded.

Twilio knows no idempotency key: a message whose answer was lost is sent twice rather than not at all.
https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource
"""

from typing import Annotated, Literal

import httpx
from pydantic import BaseModel, Field, SecretStr

from shared.delivery.delivery import Delivery, Outcome, Verdict
from shared.delivery.webhook import RETRIED_STATUSES

TWILIO = "https://api.twilio.com"


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

    def __init__(self, gateway: SmsGateway) -> None:
        self._gateway = gateway
        self._client = httpx.AsyncClient(timeout=None, follow_redirects=False)  # noqa: S113 - the loop of deliveries limits it

    async def close(self) -> None:
        """Let the connections go."""
        await self._client.aclose()

    async def send(self, to: str, text: str, delivery: Delivery) -> Outcome:
        """One attempt, without a limit in time of its own."""
        try:
            response = await self._client.send(self._request(to, text, delivery))
        except httpx.TransportError as failed:
            return Outcome(Verdict.AGAIN, f"the gateway: {type(failed).__name__}")
        if response.is_success:
            return Outcome(Verdict.DELIVERED, "taken by the gateway", response.status_code)
        again = response.status_code >= 500 or response.status_code in (401, 403, *RETRIED_STATUSES)  # the token can be set right
        verdict = Verdict.AGAIN if again else Verdict.REFUSED
        return Outcome(verdict, f"the gateway answered {response.status_code}", response.status_code)

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
