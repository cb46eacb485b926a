"""Rules, routes and receivers over HTTP. A document is sent and shown as it stands in a file."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from services.alerts import configuration
from services.alerts.api.requests import Cursor, Document, Limit, Named, Reader, Writer, named_in, refusals
from services.alerts.configuration import meet_tenants
from services.alerts.defaults import ROUTE
from services.alerts.domain.receiver import read_receiver, without_secrets
from services.alerts.domain.route import read_route
from services.alerts.domain.rule import MetricRule, read_rule
from services.alerts.receivers import SavedReceiver, delete_receiver, put_receiver
from services.alerts.store.receivers import StoredReceiver, find_receiver, list_receivers
from services.alerts.store.rules import StoredRoute, StoredRule, find_route, find_rule, list_rules
from services.alerts.store.states import evaluated_rules
from shared.clock import Clock
from shared.database.engine import Sessions
from shared.delivery.secrets import SecretBox
from shared.web.problems import not_found


class RuleView(BaseModel):
    """A rule in force. `status`: evaluating, waiting_for_data (nothing of its series came yet), or error with `error`."""

    id: str
    version: int
    origin: str
    status: str
    error: str | None
    updated_at: datetime
    document: dict[str, Any]


class RulePage(BaseModel):
    """One page of rules."""

    items: list[RuleView]
    next: str | None


class RouteView(BaseModel):
    """The tree of routes in force."""

    version: int
    origin: str
    updated_at: datetime
    document: dict[str, Any]


class ReceiverView(BaseModel):
    """A receiver without its secrets. `broken_reason`: why it refuses what is sent to it."""

    id: str
    version: int
    origin: str
    updated_at: datetime
    broken_at: datetime | None
    broken_reason: str | None
    document: dict[str, Any]


class SavedReceiverView(ReceiverView):
    """`new_secret` was made for it and is shown this once; verify `webhook-signature` with it."""

    new_secret: str | None = None


class ReceiverPage(BaseModel):
    """One page of receivers."""

    items: list[ReceiverView]
    next: str | None


def rule_routes(sessions: Sessions, clock: Clock) -> APIRouter:
    """Routes of rules."""
    router = APIRouter(prefix="/v1/rules", tags=["rules"])

    @router.get("", summary="The rules in force")
    async def rules(caller: Reader, limit: Limit = 100, cursor: Cursor = None) -> RulePage:
        with refusals():
            async with sessions.begin() as session:
                await meet_tenants(session, [caller.tenant], clock())
                found = await list_rules(session, caller.tenant, after=cursor or "", limit=limit + 1)
                evaluated = await evaluated_rules(session, caller.tenant)
        items = [_rule(stored, evaluated) for stored in found[:limit]]
        return RulePage(items=items, next=items[-1].id if len(found) > limit else None)

    @router.get("/{id}", summary="One rule")
    async def rule(caller: Reader, id: Named) -> RuleView:
        with refusals():
            async with sessions.begin() as session:
                await meet_tenants(session, [caller.tenant], clock())
                found = await find_rule(session, caller.tenant, id)
                evaluated = await evaluated_rules(session, caller.tenant)
        if found is None or found.deleted:
            raise not_found()
        return _rule(found, evaluated)

    @router.put("/{id}", summary="Save a rule")
    async def put(caller: Writer, id: Named, document: Document) -> RuleView:
        with refusals():
            rule = read_rule(named_in(document, "rule", id))
            async with sessions.begin() as session:
                now = clock()
                await meet_tenants(session, [caller.tenant], now)
                saved = await configuration.put_rule(session, caller.tenant, rule, "api", caller.actor, now)
                evaluated = await evaluated_rules(session, caller.tenant)
        return _rule(saved, evaluated)

    @router.delete("/{id}", status_code=204, summary="Delete a rule; what it fired ends")
    async def delete(caller: Writer, id: Named) -> None:
        with refusals():
            async with sessions.begin() as session:
                now = clock()
                await meet_tenants(session, [caller.tenant], now)
                deleted = await configuration.delete_rule(session, caller.tenant, id, "api", caller.actor, now)
        if not deleted:
            raise not_found()

    return router


def route_routes(sessions: Sessions, clock: Clock) -> APIRouter:
    """Routes of the tree of routes: one a tenant."""
    router = APIRouter(prefix="/v1/routes", tags=["routes"])

    @router.get("", summary="The tree of routes")
    async def tree(caller: Reader) -> RouteView:
        with refusals():
            async with sessions.begin() as session:
                await meet_tenants(session, [caller.tenant], clock())
                found = await find_route(session, caller.tenant)
        assert found is not None
        return _route(found)

    @router.put("", summary="Save the tree of routes")
    async def put(caller: Writer, document: Document) -> RouteView:
        with refusals():
            route = read_route(document)
            async with sessions.begin() as session:
                now = clock()
                await meet_tenants(session, [caller.tenant], now)
                return _route(await configuration.put_route(session, caller.tenant, route, "api", caller.actor, now))

    @router.delete("", summary="Go back to the shipped tree")
    async def reset(caller: Writer) -> RouteView:
        with refusals():
            async with sessions.begin() as session:
                now = clock()
                await meet_tenants(session, [caller.tenant], now)
                return _route(await configuration.put_route(session, caller.tenant, read_route(ROUTE), "shipped", caller.actor, now))

    return router


def receiver_routes(sessions: Sessions, clock: Clock, box: SecretBox | None) -> APIRouter:
    """Routes of receivers."""
    router = APIRouter(prefix="/v1/receivers", tags=["receivers"])

    @router.get("", summary="The receivers")
    async def receivers(caller: Reader, limit: Limit = 100, cursor: Cursor = None) -> ReceiverPage:
        with refusals():
            async with sessions() as session:
                found = await list_receivers(session, caller.tenant, after=cursor or "", limit=limit + 1)
        items = [ReceiverView(**_receiver(stored)) for stored in found[:limit]]
        return ReceiverPage(items=items, next=items[-1].id if len(found) > limit else None)

    @router.get("/{id}", summary="One receiver")
    async def receiver(caller: Reader, id: Named) -> ReceiverView:
        with refusals():
            async with sessions() as session:
                found = await find_receiver(session, caller.tenant, id)
        if found is None or found.deleted:
            raise not_found()
        return ReceiverView(**_receiver(found))

    @router.put("/{id}", summary="Save a receiver; a new webhook without secrets gets one, shown in this answer only")
    async def put(caller: Writer, id: Named, document: Document) -> SavedReceiverView:
        with refusals():
            wanted = read_receiver(named_in(document, "receiver", id))
            async with sessions.begin() as session:
                now = clock()
                await meet_tenants(session, [caller.tenant], now)
                saved: SavedReceiver = await put_receiver(session, box, caller.tenant, wanted, "api", caller.actor, now)
        return SavedReceiverView(**_receiver(saved.stored), new_secret=saved.new_secret)

    @router.delete("/{id}", status_code=204, summary="Delete a receiver that no route of yours names")
    async def delete(caller: Writer, id: Named) -> None:
        with refusals():
            async with sessions.begin() as session:
                deleted = await delete_receiver(session, caller.tenant, id, "api", caller.actor, clock())
        if not deleted:
            raise not_found()

    return router


def _rule(stored: StoredRule, evaluated: set[str]) -> RuleView:
    waiting = isinstance(stored.rule, MetricRule) and stored.rule.rule not in evaluated
    status = "error" if stored.error else "waiting_for_data" if waiting else "evaluating"
    return RuleView(
        id=stored.rule.rule,
        version=stored.version,
        origin=stored.origin,
        status=status,
        error=stored.error,
        updated_at=stored.updated_at,
        document=stored.rule.dump(),
    )


def _route(stored: StoredRoute) -> RouteView:
    return RouteView(version=stored.version, origin=stored.origin, updated_at=stored.updated_at, document=stored.route.dump())


def _receiver(stored: StoredReceiver) -> dict[str, Any]:
    return {
        "id": stored.receiver.receiver,
        "version": stored.version,
        "origin": stored.origin,
        "updated_at": stored.updated_at,
        "broken_at": stored.broken_at,
        "broken_reason": stored.broken_reason,
        "document": without_secrets(stored.receiver),
    }
