"""Changing rules, routes and receivers: validated, versioned, audited, and with what follows for what fires. Never commits."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from services.alerts import incidents
from services.alerts.defaults import ROUTE, RULES
from services.alerts.domain.route import Route, read_route, receivers_of
from services.alerts.domain.rule import MetricRule, Rule, RuleRefused, read_rule
from services.alerts.domain.state import Judged, adopted, next_at
from services.alerts.store import rules as rule_rows
from services.alerts.store.alerts import Ending, firing_of_rule
from services.alerts.store.facts import new_tenants
from services.alerts.store.receivers import list_receivers
from services.alerts.store.rules import Origin, StoredRoute, StoredRule
from services.alerts.store.series import ask_for_series
from services.alerts.store.states import delete_states, lock_states_of_rule, save_states
from shared.database.audit import record_change
from shared.errors import FieldError, HearbackError


class ConfigurationConflict(HearbackError):
    """The change does not fit what is there. `kind` is a stable word."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


async def meet_tenants(session: AsyncSession, tenants: Iterable[str], now: datetime) -> list[str]:
    """Give new tenants the shipped rules and route. Returns those that are new."""
    met = await new_tenants(session, tenants, now)
    for tenant in met:
        if await rule_rows.find_route(session, tenant) is None:
            await rule_rows.save_route(session, tenant, read_route(ROUTE), 1, "shipped", now)
        for document in RULES:
            if await rule_rows.find_rule(session, tenant, document["rule"]) is None:
                await put_rule(session, tenant, read_rule(document), "shipped", "shipped", now)
    return met


async def put_rule(session: AsyncSession, tenant: str, rule: Rule, origin: Origin, actor: str, now: datetime) -> StoredRule:
    """Save a rule. What is pending has to hold anew when what decides changed; what fires ends when it would be another alert.

    Raises ConfigurationConflict when the rule belongs to a file.
    """
    before = await rule_rows.find_rule(session, tenant, rule.rule, for_update=True)
    live = before if before is not None and not before.deleted else None
    _check_origin(live.origin if live else None, origin, f"rule {rule.rule}")
    if live is not None and live.rule == rule and live.origin == origin:
        return live
    version = 1 if before is None else before.version + 1
    await rule_rows.save_rule(session, tenant, rule, version, origin, now)
    if live is not None:
        await _carry_over(session, live, rule, version, now)
    await ask_for_series(session, tenant, [live.rule if live else None, rule], now)
    await record_change(
        session, tenant=tenant, at=now, actor=actor, action="put", changed=f"rule:{rule.rule}",
        before=live.rule.dump() if live else None, after=rule.dump(),
    )  # fmt: skip
    saved = await rule_rows.find_rule(session, tenant, rule.rule)
    assert saved is not None
    return saved


async def delete_rule(session: AsyncSession, tenant: str, id: str, origin: Origin, actor: str, now: datetime) -> bool:
    """Delete a rule and end what it fired; False when there is none. Raises ConfigurationConflict when it belongs to a file."""
    before = await rule_rows.find_rule(session, tenant, id, for_update=True)
    if before is None or before.deleted:
        return False
    _check_origin(before.origin, origin, f"rule {id}")
    await rule_rows.delete_rule(session, tenant, id, before.version + 1, now)
    await _end_all(session, tenant, id, "rule_deleted", now)
    await ask_for_series(session, tenant, [before.rule], now)
    await record_change(
        session, tenant=tenant, at=now, actor=actor, action="delete", changed=f"rule:{id}", before=before.rule.dump(), after=None
    )
    return True


async def put_route(session: AsyncSession, tenant: str, route: Route, origin: Origin, actor: str, now: datetime) -> StoredRoute:
    """Save the tree of routes. Raises RuleRefused for a receiver that does not exist, ConfigurationConflict when it belongs to a file."""
    before = await rule_rows.find_route(session, tenant, for_update=True)
    _check_origin(before.origin if before else None, origin, "the tree of routes")
    existing = {stored.receiver.receiver for stored in await list_receivers(session, tenant)}
    known = existing | (receivers_of(before.route) if before else set())
    if origin != "shipped" and (missing := sorted(receivers_of(route) - known)):
        raise RuleRefused([FieldError(("receiver",), f"there is no receiver {missing[0]}; make it first")])
    if before is not None and before.route == route and before.origin == origin:
        return before
    version = 1 if before is None else before.version + 1
    await rule_rows.save_route(session, tenant, route, version, origin, now)
    await record_change(
        session, tenant=tenant, at=now, actor=actor, action="put", changed="routes",
        before=before.route.dump() if before else None, after=route.dump(),
    )  # fmt: skip
    return StoredRoute(version, route, origin, now)


async def drop_file_route(session: AsyncSession, tenant: str, actor: str, now: datetime) -> None:
    """A tree that came from a file is in none any more: the shipped one is in force again."""
    before = await rule_rows.find_route(session, tenant, for_update=True)
    if before is None or before.origin != "file":
        return
    await rule_rows.save_route(session, tenant, read_route(ROUTE), before.version + 1, "shipped", now)
    await record_change(
        session, tenant=tenant, at=now, actor=actor, action="put", changed="routes", before=before.route.dump(), after=ROUTE
    )


def _check_origin(present: Origin | None, wanted: Origin, what: str) -> None:
    if present == "file" and wanted != "file":
        raise ConfigurationConflict("from_file", f"{what} comes from a configuration file; change it there")


async def _carry_over(session: AsyncSession, before: StoredRule, rule: Rule, version: int, now: datetime) -> None:
    """What an edit means for the states and alerts of the rule before it."""
    old = before.rule
    if isinstance(old, MetricRule) and isinstance(rule, MetricRule) and old.identity == rule.identity:
        rows = await lock_states_of_rule(session, before.tenant, rule.rule)
        levels = {level.severity: level for level in rule.levels}
        same = old.judgement == rule.judgement
        changed = []
        for row in rows.values():
            judged = Judged(rule, version, levels[row.key.severity])  # type: ignore[index]  # the severities are part of the identity
            state = replace(row.state, version=version) if same else adopted(judged, row.state)
            changed.append(replace(row, state=state, next_at=next_at(judged, state)))
        await save_states(session, changed)
    elif isinstance(old, MetricRule) or isinstance(rule, MetricRule) or (old.kind, old.state) != (rule.kind, rule.state):
        await _end_all(session, before.tenant, rule.rule, "rule_changed", now)


async def _end_all(session: AsyncSession, tenant: str, rule: str, reason: str, now: datetime) -> None:
    await lock_states_of_rule(session, tenant, rule)
    await delete_states(session, tenant, rule)
    firing = await firing_of_rule(session, tenant, rule)
    await incidents.end(session, [Ending(alert.id, now, reason) for alert in firing])
