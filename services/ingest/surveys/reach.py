"""Who a customer is, and how they can be reached now: by what the tenant sends by, at addresses that are known and take messages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.ingest.personal.identities import Identities
from services.ingest.surveys.domain.definition import Way
from services.ingest.surveys.domain.people import Contact, address_hash, address_of, contact_of, keys_of
from services.ingest.surveys.senders import TenantsSenders
from services.ingest.surveys.store.addresses import sealed_of
from services.ingest.surveys.store.invitations import Invitation
from services.ingest.surveys.store.people import opted_out, undeliverable
from services.ingest.surveys.store.surveys import Survey


@dataclass(frozen=True, slots=True)
class Reach:
    """One a process."""

    senders: TenantsSenders
    identities: Identities

    def contact(self, tenant: str, customer: Any, language: str | None = None) -> Contact:
        """The customer of an event or a request, who is the same person before and after the tenant had pseudonyms."""
        found = contact_of(customer, language)
        email, phone = self.identities.normal(tenant, found.email, found.phone)
        aliases = keys_of(self.identities.pseudonyms(tenant, found.customer, email, phone))
        return found.model_copy(update={"email": email, "phone": phone, "aliases": tuple(aliases)})

    async def opened(self, session: AsyncSession, tenant: str, contacts: Sequence[Contact]) -> Sequence[Contact]:
        """These contacts with the addresses that are kept sealed, in memory alone."""
        sealer = self.identities.sealer(tenant)
        if sealer is None:
            return contacts
        found = []
        for contact, kept in zip(contacts, await sealed_of(session, tenant, [one.keys for one in contacts]), strict=True):
            known = {kind: address for kind, sealed in kept.items() if (address := sealer.open(sealed)) is not None}
            real = {"email": address_of(contact, "email"), "phone": address_of(contact, "sms")}
            found.append(contact.model_copy(update={kind: real[kind] or address for kind, address in known.items()}))
        return found

    async def address(self, session: AsyncSession, invitation: Invitation) -> str | None:
        """Where a message about this invitation goes; None when it goes nowhere."""
        [reached] = await self.opened(session, invitation.tenant, [invitation.reached])
        return address_of(reached, invitation.way)

    async def ways(self, session: AsyncSession, tenant: str, contacts: Sequence[Contact]) -> list[frozenset[Way]]:
        """For each of these people, the ways by which something can be sent to them, or an agent can call them."""
        possible, there = (await self.senders.of(session, tenant)).ways, await self.opened(session, tenant, contacts)
        hashes = [{way: address_hash(found) for way in possible if (found := address_of(one, way)) is not None} for one in there]
        dead = await undeliverable(session, tenant, (one for of_one in hashes for one in of_one.values()))
        return [frozenset(way for way, one in of_one.items() if one not in dead) for of_one in hashes]

    async def unwanted(self, session: AsyncSession, tenant: str, invitations: Sequence[Invitation]) -> dict[str, str]:
        """By invitation, why nothing at all is sent to who was invited, where there is a reason."""
        out = await opted_out(session, tenant, (key for one in invitations for key in one.person_keys))
        reached = await self.opened(session, tenant, [one.reached for one in invitations])
        hashes = [address and address_hash(address) for address in map(address_of, reached, (one.way for one in invitations))]
        dead = await undeliverable(session, tenant, filter(None, hashes))
        found = {one.id: "undeliverable" for one, hashed in zip(invitations, hashes, strict=True) if hashed in dead}
        return found | {one.id: "opted_out" for one in invitations if not out.isdisjoint(one.person_keys)}

    async def against(self, session: AsyncSession, invitation: Invitation, survey: Survey, now: datetime) -> str | None:
        """Why who was invited is not asked, whenever that is about to be; None when there is no reason."""
        return over(invitation, survey, now) or (await self.unwanted(session, invitation.tenant, [invitation])).get(invitation.id)


def over(invitation: Invitation, survey: Survey, now: datetime) -> str | None:
    """Why an invitation is sent no more whoever was invited; None when there is no reason."""
    if invitation.expires_at <= now:
        return "expired"
    if invitation.finished_at is not None:
        return "answered"
    return None if survey.active else "retired"
