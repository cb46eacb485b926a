"""One replica of the role `surveys` without its loops: requests in, events in, timers fired by hand, what it announces out."""

import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from typing import Any

import httpx
import msgspec
from cryptography.fernet import Fernet
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from sqlalchemy import text

from services.ingest.channels.schema import endpoints
from services.ingest.intake import Intake
from services.ingest.metrics import IngestMetrics
from services.ingest.personal.identities import Identities
from services.ingest.personal.policy import Policies
from services.ingest.schema import tenants
from services.ingest.settings import IngestSettings
from services.ingest.surveys.api import opt_out_routes, survey_routes
from services.ingest.surveys.consumer import SurveysHandler
from services.ingest.surveys.domain.definition import Way
from services.ingest.surveys.domain.templates import TEMPLATES
from services.ingest.surveys.events import SurveyEvents
from services.ingest.surveys.incentives_api import incentive_routes
from services.ingest.surveys.invitations_api import invitation_routes
from services.ingest.surveys.notes import NoteTimers, note_routes
from services.ingest.surveys.pages.form_page import form_pages
from services.ingest.surveys.pages.place_page import place_pages
from services.ingest.surveys.pages.survey_page import survey_pages
from services.ingest.surveys.pages.visitors import Visitors
from services.ingest.surveys.places_api import place_routes
from services.ingest.surveys.reach import Reach
from services.ingest.surveys.senders import Pace, Senders, TenantsSenders
from services.ingest.surveys.senders_api import sender_routes
from services.ingest.surveys.timers import InvitationTimers
from services.ingest.surveys.waves import WaveTimers
from shared.clock import utc_now
from shared.contracts.access import TenantRecord
from shared.contracts.decoding import Event, decode
from shared.contracts.topics import FEEDBACK_EVENTS
from shared.database.engine import Sessions
from shared.database.timers import TimerMetrics
from shared.delivery.guard import GuardedNetwork
from shared.delivery.mail import MailSender, SmtpServer
from shared.delivery.secrets import SecretBox
from shared.delivery.sms import SmsGateway, SmsSender
from shared.delivery.wechat import WeChatAccount, WeChatSender
from shared.kafka.batch import Received
from shared.web.access import Principal, unauthorized
from shared.web.app import create_app
from shared.web.health import Health
from shared.web.requests import RequestMetrics
from tests.ingest.partitions import Partitions

SMTP = SmtpServer.model_validate({"host": "localhost", "port": 1, "sender": "surveys@hearback.example", "encryption": "none"})
SMS = SmsGateway.model_validate({"kind": "http", "sender": "+4930", "url": "http://127.0.0.1:1", "token": "t0ken"})
WECHAT = WeChatAccount.model_validate({"appid": "wx1", "secret": "s", "template": "T1", "fields": {}, "url": "http://127.0.0.1:1"})
WAYS: tuple[Way, ...] = ("email", "sms", "wechat")
PACES = {way: Pace("", 1000.0) for way in WAYS}
URL = "http://surveys.example"
MASTER = b"m" * 32
FORM = "f0" * 16


class Keys:
    """shared.web.access.Access whose keys are written `<tenant>:<scope>`."""

    async def authenticate(self, authorization: str | None) -> Principal:
        if authorization is None:
            raise unauthorized("send your API key")
        tenant, _, scope = authorization.removeprefix("Bearer ").partition(":")
        return Principal(tenant, "k1", frozenset({scope}), None)


def loud() -> dict[str, str]:
    """Quiet hours of an hour that is far away, in UTC: now is never quiet."""
    now = utc_now()
    return {"since": f"{now + timedelta(hours=10):%H:00}", "until": f"{now + timedelta(hours=11):%H:00}"}


def document(template: str = "ces", **changed: Any) -> dict[str, Any]:
    """A template that asks at once, whatever the hour."""
    return {**TEMPLATES[template].model_dump(mode="json"), "earliest_hours": 0, "latest_hours": 48, "quiet": loud(), **changed}


def event(
    type: str, data: Mapping[str, Any], *, id: str, at: datetime | None = None, tenant: str = "acme", backfill: bool = False
) -> Event:
    """One event, through the bytes that lie on Kafka."""
    at = at or utc_now()
    written = {"specversion": "1.0", "id": id, "source": "/crm", "type": type, "time": at, "tenant": tenant,
               "receivedat": max(at, utc_now()), "backfill": backfill, "data": data}  # fmt: skip
    return decode(msgspec.json.encode(written))


def contact(id: str, *, at: datetime | None = None, customer: Mapping[str, Any] | None = None, tenant: str = "acme",
            backfill: bool = False, **data: Any) -> Event:  # fmt: skip
    """A completed interaction of a customer who has an e-mail address."""
    who = {"id": f"c-{id}", "email": f"{id}@example.com", **(customer or {})}
    said = {"channel": "chat", "customer": who, **data}
    return event("interaction.completed.v1", said, id=id, at=at, tenant=tenant, backfill=backfill)


class World:
    """On a real database, with senders of every kind, none of which leads anywhere."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions
        self.stack = AsyncExitStack()
        self.box = SecretBox(SecretStr(Fernet.generate_key().decode()), "TEST")
        self.network = GuardedNetwork(allow_private=True)
        self.stack.callback(self.network.close)
        self.senders = self.tenants_senders(self.all_senders())
        self.tenants: dict[str, TenantRecord] = {}
        self.reach = Reach(self.senders, Identities(self.tenants, MASTER))
        registry = CollectorRegistry()
        settings = IngestSettings(database_url=SecretStr("unused"))
        self.events = SurveyEvents(Intake(settings, Partitions(), IngestMetrics(registry), Policies(self.tenants, MASTER)), registry)  # type: ignore[arg-type]
        self.handler = SurveysHandler(self.reach, self.events)
        metrics = [TimerMetrics(f"hearback_{name}", registry) for name in ("invitations", "waves", "notes")]
        self.timers = InvitationTimers(self.events, self.reach, metrics[0])
        self.waves = WaveTimers(self.reach, metrics[1])
        self.notes = NoteTimers(metrics[2])
        self.visitors = Visitors(60_000, 1000, 0)
        self.app = self._app(registry)

    def all_senders(self) -> Senders:
        """One of each kind."""
        sms, wechat = SmsSender(SMS), WeChatSender(WECHAT)
        self.stack.push_async_callback(sms.close)
        self.stack.push_async_callback(wechat.close)
        return Senders({"email": MailSender(SMTP, utc_now), "sms": sms, "wechat": wechat}, PACES)

    def reaching(self, installation: Senders) -> Reach:
        """Everybody, by these."""
        return Reach(self.tenants_senders(installation), self.reach.identities)

    def tenants_senders(self, installation: Senders) -> TenantsSenders:
        """These for all tenants that have none of their own."""
        return TenantsSenders(installation, self.box, self.network, utc_now, self.stack)

    def _app(self, registry: CollectorRegistry, url: str = URL) -> FastAPI:
        routers = [
            survey_routes(self.sessions, utc_now),
            invitation_routes(self.sessions, self.events, self.reach, url, utc_now),
            sender_routes(self.sessions, self.box, self.network, utc_now),
            place_routes(self.sessions, url, utc_now),
            incentive_routes(self.sessions, utc_now),
            opt_out_routes(self.sessions, self.reach, utc_now),
            note_routes(self.sessions, utc_now),
            survey_pages(self.sessions, self.events, self.visitors, utc_now),
            place_pages(self.sessions, self.events, self.visitors, url, utc_now),
            form_pages(self.sessions, self.events, self.visitors, url, utc_now),
        ]
        return create_app(title="surveys", description="", access=Keys(), health=Health(), registry=registry,  # type: ignore[arg-type]
                          requests=RequestMetrics("surveys", registry), routers=routers)  # fmt: skip

    def client(self, scope: str = "admin", tenant: str = "acme") -> httpx.AsyncClient:
        """A client whose key has one scope; also a browser, with any."""
        transport, headers = httpx.ASGITransport(self.app), {"Authorization": f"Bearer {tenant}:{scope}"}
        return httpx.AsyncClient(transport=transport, base_url=URL, headers=headers)

    async def settle_in(self) -> None:
        """A tenant with a public form."""
        now = utc_now()
        acme = {"id": "acme", "name": "ACME 公司", "zone": "UTC", "languages": ["en"], "version": 1, "created_at": now}
        form = {"id": FORM, "tenant": "acme", "channel": "form", "name": "Shop", "zone": "UTC", "options": {"product": "shoes"},
                "calls_per_minute": 60, "version": 1, "created_at": now, "updated_at": now, "next_call_at": now}  # fmt: skip
        async with self.sessions.begin() as session:
            await session.execute(tenants.insert().values(acme))
            await session.execute(endpoints.insert().values(form))

    async def make(self, id: str, template: str = "ces", tenant: str = "acme", **changed: Any) -> dict[str, Any]:
        """A survey of this tenant."""
        async with self.client(tenant=tenant) as client:
            made = await client.post("/v1/surveys", json={"id": id, "document": document(template, **changed)})
        assert made.status_code == 201, made.text
        found: dict[str, Any] = made.json()
        return found

    async def link(self, survey: str, **person: Any) -> str:
        """The path of a page for somebody new."""
        async with self.client("ingest:write") as client:
            made = await client.post(f"/v1/surveys/{survey}/invitations", json={"way": "link", "people": [person]})
        assert made.status_code == 201, made.text
        [one] = made.json()["items"]
        assert one["state"] == "sent", one
        return str(one["url"]).removeprefix(URL)

    async def happen(self, *events: Event) -> None:
        """A batch."""
        async with self.sessions.begin() as session:
            await self.handler.apply(session, [Received(one, FEEDBACK_EVENTS, 0, 0, utc_now()) for one in events])

    async def fire(self, due: Any = None) -> int:
        """What a timer loop does when it is time."""
        async with self.sessions.begin() as session:
            return int(await (due or self.timers).fire(session, 1000))

    async def rows(self, query: str, **values: Any) -> list[dict[str, Any]]:
        """What a query of the test's own finds."""
        async with self.sessions.begin() as session:
            found = await session.execute(text(query), values)
            return [dict(row) for row in found.mappings()] if found.returns_rows else []  # type: ignore[attr-defined]

    async def invitations(self) -> list[dict[str, Any]]:
        """All of them, in the order of their making."""
        return await self.rows("SELECT * FROM survey_invitations ORDER BY created_at, id")

    async def said(self, kind: str = "") -> list[dict[str, Any]]:
        """Everything announced so far whose type contains `kind`, in order, proven to be readable."""
        values = [row["value"] for row in await self.rows("SELECT value FROM outbox ORDER BY position")]
        assert all(decode(value) for value in values)
        events: list[dict[str, Any]] = [json.loads(value) for value in values]
        return [one for one in events if kind in one["type"]]
