"""Template messages of a WeChat official account 公众号.

https://developers.weixin.qq.com/doc/service/api/notify/template/api_sendtemplatemessage.html and api_getstableaccesstoken.html
"""

import re
from collections.abc import Mapping

import httpx
from pydantic import BaseModel, SecretStr, field_validator

from shared.delivery.delivery import Delivery, Outcome, Verdict
from shared.delivery.guard import GuardedNetwork, RefusedAddress, transport
from shared.delivery.tls import trusted

API = "https://api.weixin.qq.com"
STALE_TOKEN = frozenset({40001, 40014, 42001})
FOR_GOOD = frozenset({40003, 40037, 43004, 43101, 47003})
"""A wrong openid or template, a person who does not follow the account, a text that the template does not take."""
NOBODY = frozenset({40003, 43004})
"""A wrong openid, and a person who does not follow the account."""


SAID = ("company", "title", "purpose", "minutes", "privacy")
_SAID = re.compile(r"\{(\w*)\}")


class WeChatAccount(BaseModel):
    """The operator's official account, and the template: `fields` are its keys with what stands in them: words, and `{title}` or another
    of SAID in braces. WeChat refuses a message of whose fields one is longer than its kind may be (`thing`: 20 characters)."""

    model_config = {"frozen": True}

    appid: str
    secret: SecretStr
    template: str
    fields: dict[str, str]
    url: str = API

    @field_validator("fields")
    @classmethod
    def say_what_there_is(cls, fields: dict[str, str]) -> dict[str, str]:
        """Raises ValueError for braces around anything else."""
        if unknown := {name for text in fields.values() for name in _SAID.findall(text)} - set(SAID):
            raise ValueError(f"fields can hold {', '.join(f'{{{name}}}' for name in SAID)}, not {', '.join(sorted(unknown))}")
        return fields


class WeChatSender:
    """Sends template messages; keeps the access token until WeChat refuses it. The stable token is the same for every replica."""

    def __init__(self, account: WeChatAccount, network: GuardedNetwork | None = None) -> None:
        """`network` guards an account that is not the operator's."""
        self._account = account
        self._client = httpx.AsyncClient(
            base_url=account.url,
            verify=trusted("http"),
            timeout=None,  # noqa: S113 - as for texts
            follow_redirects=False,
            transport=transport(network),
        )
        self._token: str | None = None

    async def close(self) -> None:
        """Let the connections go."""
        await self._client.aclose()

    async def send(self, openid: str, link: str, words: Mapping[str, str], delivery: Delivery) -> Outcome:
        """One attempt, without a limit in time of its own. WeChat drops a second message with the same `client_msg_id`."""
        data = {key: {"value": _SAID.sub(lambda said: words[said[1]], text)} for key, text in self._account.fields.items()}
        message = {"touser": openid, "template_id": self._account.template, "url": link, "data": data, "client_msg_id": delivery.id.hex}
        try:
            code = await self._post(message)
        except (httpx.HTTPError, RefusedAddress, ValueError) as failed:
            return Outcome(Verdict.AGAIN, f"WeChat: {type(failed).__name__}")
        if code == 0:
            return Outcome(Verdict.DELIVERED, "taken by WeChat", 200)
        if code in STALE_TOKEN:
            self._token = None
        verdict = Verdict.REFUSED if code in FOR_GOOD else Verdict.AGAIN
        return Outcome(verdict, f"WeChat answered {code}", 200, address_is_dead=code in NOBODY)

    async def _post(self, message: Mapping[str, object]) -> int:
        if self._token is None:
            wanted = {"grant_type": "client_credential", "appid": self._account.appid, "secret": self._account.secret.get_secret_value()}
            told = (await self._client.post("/cgi-bin/stable_token", json=wanted)).raise_for_status().json()
            if "access_token" not in told:
                return int(told.get("errcode", -1))
            self._token = str(told["access_token"])
        answer = await self._client.post("/cgi-bin/message/template/send", params={"access_token": self._token}, json=message)
        return int(answer.raise_for_status().json().get("errcode", 0))
