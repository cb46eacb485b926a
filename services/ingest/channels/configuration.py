"""Changing endpoints: what the adapter wants is checked, secrets are sealed before they are stored, everything is audited."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.adapters import adapters
from services.ingest.adapters.adapter import Adapter
from services.ingest.channels import store
from services.ingest.channels.endpoint import StoredEndpoint, StoredSecrets, new_endpoint_id
from services.ingest.channels.fetches import drop_all
from services.ingest.channels.kept import KEPT_DAYS
from shared.database.audit import record_change
from shared.delivery.secrets import SecretBox
from shared.errors import FieldError, HearbackError


class EndpointRefused(HearbackError):
    """What is wanted is not what the channel takes."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__(errors[0].msg)
        self.errors = errors


def adapter_of(channel: str) -> Adapter[Any, Any]:
    """The adapter of a channel. Raises EndpointRefused."""
    found = adapters().get(channel)
    if found is None:
        raise EndpointRefused([FieldError(("channel",), f"there is no channel of this name; there are {', '.join(adapters())}")])
    return found


async def create(
    session: AsyncSession, box: SecretBox, tenant: str, *, channel: str, name: str, zone: str, country: str | None,
    options: Mapping[str, Any], secrets: Mapping[str, Any] | None, calls_per_minute: int, actor: str, now: datetime,
) -> StoredEndpoint:  # fmt: skip
    """Store a new endpoint; without the secrets that its channel needs it waits for them. Does not commit. Raises EndpointRefused."""
    adapter = adapter_of(channel)
    _check_zone(zone)
    _check(adapter.options, options, "options")
    if secrets is None and not any(member.is_required() for member in adapter.secrets.model_fields.values()):
        secrets = {}
    if secrets is not None:
        _check(adapter.secrets, secrets, "secrets")
    given = [] if secrets is None else [StoredSecrets(1, _sealed(box, secrets), None)]
    endpoint = StoredEndpoint(
        new_endpoint_id(), tenant, channel, name, zone, country, dict(options), calls_per_minute, 1, now, now, None, given
    )
    await store.save_endpoint(session, endpoint, new=True)
    for first in given:
        await store.add_secrets(session, endpoint, first.sealed, former_until=now, forget=now)
    await _audit(session, "create", None, endpoint, actor, now)
    return endpoint


async def change(
    session: AsyncSession, tenant: str, id: str, wanted: Mapping[str, Any], actor: str, now: datetime
) -> StoredEndpoint | None:
    """Change name, zone, country, options or calls_per_minute: those that are wanted. None when there is none. Raises EndpointRefused."""
    before = await _live(session, tenant, id)
    if before is None:
        return None
    _check_zone(wanted.get("zone", before.zone))
    if "options" in wanted:
        _check(adapter_of(before.channel).options, wanted["options"], "options")
    after = replace(before, **wanted, version=before.version + 1, updated_at=now)
    await store.save_endpoint(session, after, new=False)
    await _audit(session, "change", before, after, actor, now)
    return after


async def rotate(
    session: AsyncSession, box: SecretBox, tenant: str, id: str, secrets: Mapping[str, Any], overlap: timedelta, actor: str, now: datetime
) -> StoredEndpoint | None:
    """New secrets from now on; those in force stay valid for the overlap. None when there is none. Raises EndpointRefused."""
    before = await _live(session, tenant, id)
    if before is None:
        return None
    _check(adapter_of(before.channel).secrets, secrets, "secrets")
    after = replace(before, version=before.version + 1, updated_at=now)
    await store.save_endpoint(session, after, new=False)
    forget = now - timedelta(days=KEPT_DAYS)  # what is kept unread may have been encrypted with them
    await store.add_secrets(session, after, _sealed(box, secrets), former_until=now + overlap, forget=forget)
    await _audit(session, "rotate", before, after, actor, now)
    return await store.find_endpoint(session, tenant, id)


async def disable(session: AsyncSession, tenant: str, id: str, actor: str, now: datetime) -> bool:
    """Take nothing and fetch nothing more, forget its secrets; False when there is none. What is kept of it goes in its time."""
    before = await _live(session, tenant, id)
    if before is None:
        return False
    after = replace(before, version=before.version + 1, updated_at=now, disabled_at=now)
    await store.save_endpoint(session, after, new=False)
    await drop_all(session, tenant, id)
    await store.drop_secrets(session, tenant, id)
    await _audit(session, "disable", before, after, actor, now)
    return True


async def _live(session: AsyncSession, tenant: str, id: str) -> StoredEndpoint | None:
    found = await store.find_endpoint(session, tenant, id, for_update=True)
    return None if found is None or found.disabled_at is not None else found


def _check(form: type[BaseModel], value: Mapping[str, Any], where: str) -> None:
    try:
        form.model_validate(value)
    except ValidationError as refused:
        found = refused.errors(include_input=False, include_context=False, include_url=False)
        inside = [error for error in found if error["type"] != "too_short" or not _holds_another(error["loc"], found)]
        raise EndpointRefused([FieldError((where, *error["loc"]), _in_terms_of_json(error["msg"])) for error in inside]) from None


def _holds_another(loc: tuple[int | str, ...], errors: Sequence[ErrorDetails]) -> bool:
    """Whether another error lies inside: then the list is only too short without what is wrong in it."""
    return any(error["loc"][: len(loc)] == loc and len(error["loc"]) > len(loc) for error in errors)


def _in_terms_of_json(message: str) -> str:
    return message.removeprefix("Value error, ").replace("valid tuple", "list").replace("Tuple", "List")


def _check_zone(zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # the name of a folder of zones is an OSError
        raise EndpointRefused(
            [FieldError(("zone",), "there is no such time zone; send one of IANA's, for example Europe/Berlin")]
        ) from None


def _sealed(box: SecretBox, secrets: Mapping[str, Any]) -> bytes:
    return box.seal(msgspec.json.encode(secrets).decode())


async def _audit(
    session: AsyncSession, action: str, before: StoredEndpoint | None, after: StoredEndpoint, actor: str, now: datetime
) -> None:
    await record_change(
        session, tenant=after.tenant, at=now, actor=actor, action=action, changed=f"endpoint:{after.id}",
        before=None if before is None else _audited(before), after=_audited(after),
    )  # fmt: skip


def _audited(endpoint: StoredEndpoint) -> dict[str, Any]:
    shown = {name: getattr(endpoint, name) for name in ("channel", "name", "zone", "country", "calls_per_minute", "version")}
    disabled = endpoint.disabled_at
    return {**shown, "options": dict(endpoint.options), "disabled_at": disabled and disabled.isoformat()}
