"""What a tenant sends its surveys by, over HTTP: its own mail server, gateway or official account instead of the installation's."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.ingest.surveys.api import Admin
from services.ingest.surveys.senders import FORMS, parted
from services.ingest.surveys.store.senders import StoredSender, drop_sender, save_sender, senders_of
from shared.clock import Clock
from shared.database.audit import record_change
from shared.database.engine import Sessions
from shared.database.sqlstates import typed_database_errors
from shared.delivery.guard import GuardedNetwork
from shared.delivery.mail import SmtpServer
from shared.delivery.secrets import SecretBox
from shared.delivery.sms import SmsGateway
from shared.delivery.wechat import WeChatAccount
from shared.web.problems import Problem, not_found

SenderWay = Literal["email", "sms", "wechat"]


class NewSender(BaseModel):
    """One of `smtp`, `gateway` and `account`, as the way wants it, and how many messages a second it takes."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"smtp": {"host": "smtp.example.com", "sender": "surveys@example.com", "username": "u", "password": "p"}}]
        },
    )

    smtp: SmtpServer | None = None
    gateway: SmsGateway | None = None
    account: WeChatAccount | None = None
    per_second: Annotated[float, Field(gt=0, le=10_000)] = 5.0

    @model_validator(mode="after")
    def is_one(self) -> "NewSender":
        if sum(one is not None for one in (self.smtp, self.gateway, self.account)) != 1:
            raise ValueError("send one of smtp, gateway and account")
        return self


class SenderView(BaseModel):
    """A sender of this tenant's own; its secret is never shown again."""

    way: SenderWay
    settings: dict[str, Any]
    per_second: float
    updated_at: datetime


class SenderPage(BaseModel):
    """All of them; by what is missing here the installation's sender goes, where it has one."""

    items: list[SenderView]
    next: None = None


def sender_routes(sessions: Sessions, box: SecretBox | None, network: GuardedNetwork, clock: Clock) -> APIRouter:
    """Routes of senders."""
    router = APIRouter(prefix="/v1/survey-senders", tags=["surveys"])

    @router.get("", summary="What this tenant sends by, where it is its own")
    async def show(caller: Admin) -> SenderPage:
        with typed_database_errors():
            async with sessions() as session:
                return SenderPage(items=[_view(one) for one in await senders_of(session, caller.tenant)])

    @router.put("/{way}", summary="Send by this from now on, instead of by what the installation has")
    async def put(caller: Admin, way: SenderWay, wanted: NewSender) -> SenderView:
        form = wanted.smtp or wanted.gateway or wanted.account
        if not isinstance(form, FORMS[way]):
            raise Problem(422, "invalid_request", "email wants smtp, sms wants gateway, wechat wants account")
        if isinstance(form, SmtpServer) and form.encryption == "none" and not network.allows_private:
            raise Problem(422, "invalid_request", "links to surveys are not sent in the clear: let encryption be starttls or tls")
        if box is None:
            raise Problem(409, "no_secrets_key", "HEARBACK_INGEST_SECRETS_KEY is not set: without it no secret can be stored or read")
        shown, secret = parted(way, form)
        stored = StoredSender(caller.tenant, way, shown, box.seal(secret), wanted.per_second, clock())
        with typed_database_errors():
            async with sessions.begin() as session:
                before = await _one(session, caller.tenant, way)
                await save_sender(session, stored)
                await _audit(session, caller.actor, before, stored, stored.updated_at)
        return _view(stored)

    @router.delete("/{way}", status_code=204, summary="Send by what the installation has again; the secret is forgotten")
    async def delete(caller: Admin, way: SenderWay) -> None:
        with typed_database_errors():
            async with sessions.begin() as session:
                before = await _one(session, caller.tenant, way)
                if before is None:
                    raise not_found()
                await drop_sender(session, caller.tenant, way)
                await _audit(session, caller.actor, before, None, clock())

    return router


async def _one(session: Any, tenant: str, way: SenderWay) -> StoredSender | None:
    return next((one for one in await senders_of(session, tenant, lock=True) if one.way == way), None)


def _view(sender: StoredSender) -> SenderView:
    return SenderView(way=sender.way, settings=dict(sender.settings), per_second=sender.per_second, updated_at=sender.updated_at)


async def _audit(session: Any, actor: str, before: StoredSender | None, after: StoredSender | None, now: datetime) -> None:
    was, now_is = (None if one is None else {**one.settings, "per_second": one.per_second} for one in (before, after))
    changed = before or after
    assert changed is not None
    await record_change(
        session, tenant=changed.tenant, at=now, actor=actor, action="delete" if after is None else "change" if before else "create",
        changed=f"survey-sender:{changed.way}", before=was, after=now_is,
    )  # fmt: skip
