"""Rules, routes and receivers as YAML files: one a tenant, `<tenant>.yaml`. What a file holds is changed only there."""

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
import yaml  # type: ignore[import-untyped]

from services.alerts.configuration import ConfigurationConflict, delete_rule, drop_file_route, meet_tenants, put_route, put_rule
from services.alerts.domain.receiver import Receiver, read_receiver
from services.alerts.domain.route import Route, read_route, receivers_of
from services.alerts.domain.rule import Rule, RuleRefused, read_rule
from services.alerts.receivers import delete_receiver, put_receiver
from services.alerts.store.facts import every_tenant
from services.alerts.store.receivers import list_receivers
from services.alerts.store.rules import list_rules
from shared.clock import Clock
from shared.contracts.fields import TENANT_PATTERN
from shared.database.engine import Sessions
from shared.database.sqlstates import typed_database_errors
from shared.delivery.secrets import SecretBox
from shared.errors import ConfigurationError, Unavailable
from shared.loops import Beat, backoff, stopped_within

ACTOR = "file"
PARTS = ("rules", "routes", "receivers")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class TenantFile:
    """What one file says. Without routes the tenant's own stay."""

    tenant: str
    rules: tuple[Rule, ...]
    route: Route | None
    receivers: tuple[Receiver, ...]


def read_files(folder: Path) -> list[TenantFile]:
    """Every `<tenant>.yaml` of a folder. Raises ConfigurationError in one line that names the file and the place."""
    if not folder.is_dir():
        raise ConfigurationError(f"HEARBACK_ALERTS_CONFIGURATION: {folder} is no directory")
    return [_read(path) for path in sorted(folder.iterdir()) if path.suffix in (".yaml", ".yml")]


class ConfiguredFiles:
    """A loop that brings the database to what the files say, once; after that it only waits for the end."""

    name = "configuration files"

    def __init__(self, files: list[TenantFile], sessions: Sessions, box: SecretBox | None, clock: Clock) -> None:
        self._files = files
        self._sessions = sessions
        self._box = box
        self._clock = clock
        self._applied = False

    async def missing(self) -> str | None:
        """For readiness: whether the files are in force."""
        return None if self._applied else "configuration files are not applied yet"

    async def run(self, stop: asyncio.Event, beat: Beat) -> None:
        """Apply, then wait until `stop` is set. Raises ConfigurationError when the files do not fit what the database holds."""
        pauses = backoff()
        while not stop.is_set():
            beat()
            if self._applied:
                await stopped_within(stop, 2.0)
                continue
            try:
                with typed_database_errors():
                    await self.apply()
            except Unavailable as unavailable:
                log.warning("files wait", action="configuration_waits", dependency=unavailable.dependency)
                await stopped_within(stop, next(pauses))

    async def apply(self) -> None:
        """Write what differs, one transaction a tenant; what is in no file any more is deleted."""
        async with self._sessions() as session:
            known = await every_tenant(session)
        named = {file.tenant: file for file in self._files}
        for tenant in sorted({*known, *named}):
            file = named.get(tenant, TenantFile(tenant, (), None, ()))
            try:
                await self._apply(file)
            except (RuleRefused, ConfigurationConflict) as refused:
                raise ConfigurationError(f"alerts configuration of {tenant}: {refused}") from None
        self._applied = True

    async def _apply(self, file: TenantFile) -> None:
        now = self._clock()
        async with self._sessions.begin() as session:
            await meet_tenants(session, [file.tenant], now)
            for receiver in file.receivers:
                await put_receiver(session, self._box, file.tenant, receiver, "file", ACTOR, now)
            if file.route is not None:
                await put_route(session, file.tenant, file.route, "file", ACTOR, now)
            else:
                await drop_file_route(session, file.tenant, ACTOR, now)
            for rule in file.rules:
                await put_rule(session, file.tenant, rule, "file", ACTOR, now)
            kept_rules, kept_receivers = {rule.rule for rule in file.rules}, {one.receiver for one in file.receivers}
            for stored in await list_rules(session, file.tenant):
                if stored.origin == "file" and stored.rule.rule not in kept_rules:
                    await delete_rule(session, file.tenant, stored.rule.rule, "file", ACTOR, now)
            for made in await list_receivers(session, file.tenant):
                if made.origin == "file" and made.receiver.receiver not in kept_receivers:
                    await delete_receiver(session, file.tenant, made.receiver.receiver, "file", ACTOR, now)


def _read(path: Path) -> TenantFile:
    try:
        return _parsed(path.stem, yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigurationError(f"HEARBACK_ALERTS_CONFIGURATION: {path.name}: cannot be read ({error.strerror})") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        raise ConfigurationError(
            f"HEARBACK_ALERTS_CONFIGURATION: {path.name}: is no YAML{f' (line {mark.line + 1})' if mark else ''}"
        ) from None
    except (RuleRefused, ConfigurationError) as refused:
        raise ConfigurationError(f"HEARBACK_ALERTS_CONFIGURATION: {path.name}: {refused}") from None


def _parsed(tenant: str, document: Any) -> TenantFile:
    if not re.fullmatch(TENANT_PATTERN, tenant):
        raise ConfigurationError("the file's name must be a tenant's")
    if not isinstance(document, dict) or not set(document) <= set(PARTS):
        raise ConfigurationError(f"must hold {', '.join(PARTS)} and nothing else")
    rules = tuple(_each(document, "rules", "rule", read_rule))
    receivers = tuple(_each(document, "receivers", "receiver", read_receiver))
    route = read_route(document["routes"]) if document.get("routes") is not None else None
    unknown = sorted(receivers_of(route) - {one.receiver for one in receivers}) if route is not None else []
    if unknown:
        raise ConfigurationError(f"routes name receiver {unknown[0]}, which is not in the file")
    return TenantFile(tenant, rules, route, receivers)


def _each(document: dict[str, Any], part: str, id: str, read: Any) -> list[Any]:
    found = []
    listed = document.get(part) or []
    if not isinstance(listed, list):
        raise ConfigurationError(f"{part} must be a list")
    for position, one in enumerate(listed):
        name = one.get(id, position) if isinstance(one, dict) else position
        try:
            found.append(read(one))
        except RuleRefused as refused:
            raise ConfigurationError(f"{part}, {name}: {refused}") from None
    return found
