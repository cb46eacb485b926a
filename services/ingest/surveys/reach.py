"""Who a customer is, and how they can be reached now: by what the tenant sends by, at addresses that are known and take messages."""

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

    async def opened(self, session: AsyncSession, tenant: str, contact: Contact) -> Contact:
        """The contact with the addresses that are kept sealed, in memory alone."""
        sealer = self.identities.sealer(tenant)
        if sealer is None:
            return contact
        kept = await sealed_of(session, tenant, contact.keys)
        known = {kind: address for kind, sealed in kept.items() if (address := sealer.open(sealed)) is not None}
        real = {"email": address_of(contact, "email"), "phone": address_of(contact, "sms")}
        return contact.model_copy(update={kind: real[kind] or address for kind, address in known.items()})

    async def address(self, session: AsyncSession, invitation: Invitation) -> str | None:
        """Where a message about this invitation goes; None when it goes nowhere."""
        return address_of(await self.opened(session, invitation.tenant, invitation.reached), invitation.way)

    async def ways(self, session: AsyncSession, tenant: str, contact: Contact) -> frozenset[Way]:
        """The ways by which something can be sent to this person, or an agent can call them."""
        possible, there = (await self.senders.of(session, tenant)).ways, await self.opened(session, tenant, contact)
        found = {way: address for way in possible if (address := address_of(there, way)) is not None}
        hashes = {way: address_hash(address) for way, address in found.items()}
        dead = await undeliverable(session, tenant, list(hashes.values())) if hashes else set()
        return frozenset(way for way, one in hashes.items() if one not in dead)

    async def unwanted(self, session: AsyncSession, invitation: Invitation) -> str | None:
        """Why nothing at all is sent to who was invited; None when there is no reason."""
        if await opted_out(session, invitation.tenant, invitation.person_keys):
            return "opted_out"
        address = await self.address(session, invitation)
        if address is not None and await undeliverable(session, invitation.tenant, [address_hash(address)]):
            return "undeliverable"
        return None

    async def against(self, session: AsyncSession, invitation: Invitation, survey: Survey, now: datetime) -> str | None:
        """Why who was invited is not asked, whenever that is about to be; None when there is no reason."""
        if invitation.expires_at <= now:
            return "expired"
        if invitation.finished_at is not None:
            return "answered"
        if not survey.active:
            return "retired"
        return await self.unwanted(session, invitation)
