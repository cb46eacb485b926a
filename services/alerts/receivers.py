"""Changing receivers: their secrets are sealed before they are stored, and shown at most once."""

from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from services.alerts.configuration import ConfigurationConflict
from services.alerts.domain.receiver import Receiver, WebhookReceiver, without_secrets
from services.alerts.domain.route import receivers_of
from services.alerts.domain.rule import RuleRefused
from services.alerts.store import receivers as rows
from services.alerts.store.groups import touch_groups_of_receiver
from services.alerts.store.receivers import StoredReceiver
from services.alerts.store.rules import Origin, find_route
from shared.database.audit import record_change
from shared.delivery.secrets import SecretBox
from shared.delivery.webhook import check_url, new_secret, signing_key
from shared.errors import FieldError


@dataclass(frozen=True, slots=True)
class SavedReceiver:
    """A receiver as it is stored; `new_secret` is the one that was made for it, known only now."""

    stored: StoredReceiver
    new_secret: str | None = None


async def put_receiver(
    session: AsyncSession, box: SecretBox | None, tenant: str, receiver: Receiver, origin: Origin, actor: str, now: datetime
) -> SavedReceiver:
    """Save a receiver. A webhook without secrets keeps those it has; a new one gets one.

    Raises RuleRefused for a URL or a secret that cannot be used, ConfigurationConflict when it belongs to a file or no key is set.
    """
    before = await rows.find_receiver(session, tenant, receiver.receiver, for_update=True)
    live = before if before is not None and not before.deleted else None
    if live is not None and live.origin == "file" and origin != "file":
        raise ConfigurationConflict("from_file", f"receiver {receiver.receiver} comes from a configuration file; change it there")
    made, sealed = _sealed(box, receiver, live)
    if live is not None and made is None and _same(box, live, receiver, sealed, origin):
        return SavedReceiver(live)
    version = 1 if before is None else before.version + 1
    await rows.save_receiver(session, tenant, receiver, version, sealed, origin, now)
    await touch_groups_of_receiver(session, tenant, receiver.receiver)
    await record_change(
        session, tenant=tenant, at=now, actor=actor, action="put", changed=f"receiver:{receiver.receiver}",
        before=without_secrets(live.receiver) if live else None, after=without_secrets(receiver),
    )  # fmt: skip
    saved = await rows.find_receiver(session, tenant, receiver.receiver)
    assert saved is not None
    return SavedReceiver(saved, made)


async def delete_receiver(session: AsyncSession, tenant: str, id: str, origin: Origin, actor: str, now: datetime) -> bool:
    """Delete a receiver; False when there is none. Raises ConfigurationConflict while the tenant's own route names it."""
    before = await rows.find_receiver(session, tenant, id, for_update=True)
    if before is None or before.deleted:
        return False
    if before.origin == "file" and origin != "file":
        raise ConfigurationConflict("from_file", f"receiver {id} comes from a configuration file; change it there")
    route = await find_route(session, tenant)
    if origin == "api" and route is not None and route.origin != "shipped" and id in receivers_of(route.route):
        raise ConfigurationConflict("in_use", f"a route names receiver {id}; change the route first")
    await rows.delete_receiver(session, tenant, id, before.version + 1, now)
    await record_change(
        session, tenant=tenant, at=now, actor=actor, action="delete", changed=f"receiver:{id}",
        before=without_secrets(before.receiver), after=None,
    )  # fmt: skip
    return True


def opened(box: SecretBox | None, stored: StoredReceiver) -> tuple[str, ...]:
    """The secrets of a receiver. Raises shared.delivery.secrets.UnreadableSecret."""
    if stored.secrets is None or box is None:
        return ()
    return tuple(msgspec.json.decode(box.open(stored.secrets), type=list[str]))


def _sealed(box: SecretBox | None, receiver: Receiver, live: StoredReceiver | None) -> tuple[str | None, bytes | None]:
    """A secret that had to be made, and all secrets sealed."""
    if not isinstance(receiver, WebhookReceiver):
        return None, None
    try:
        check_url(receiver.url)
    except ValueError as invalid:
        raise RuleRefused([FieldError(("url",), str(invalid))]) from None
    for position, secret in enumerate(receiver.secrets):
        try:
            signing_key(secret)
        except ValueError as invalid:
            raise RuleRefused([FieldError(("secrets", position), str(invalid))]) from None
    if not receiver.secrets and live is not None and live.secrets is not None:
        return None, live.secrets
    if box is None:
        raise ConfigurationConflict("no_secrets_key", "HEARBACK_ALERTS_SECRETS_KEY is not set: without it no secret can be stored")
    made = None if receiver.secrets else new_secret()
    return made, box.seal(msgspec.json.encode(receiver.secrets or [made]).decode())


def _same(box: SecretBox | None, live: StoredReceiver, receiver: Receiver, sealed: bytes | None, origin: Origin) -> bool:
    if live.origin != origin or without_secrets(live.receiver) != without_secrets(receiver) or live.broken_at is not None:
        return False
    wanted = receiver.secrets if isinstance(receiver, WebhookReceiver) else ()
    return sealed is live.secrets or opened(box, live) == wanted
