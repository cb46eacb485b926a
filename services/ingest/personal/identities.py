"""Under what a person is known: by addresses as they were sent, and by the pseudonyms of these, before and after a tenant has them."""

from collections.abc import Mapping

from services.ingest.personal.emails import normal_email
from services.ingest.personal.phones import to_e164
from services.ingest.personal.pseudonyms import Pseudonyms
from services.ingest.personal.sealing import Sealer
from shared.contracts.access import TenantRecord

Identity = tuple[str, str]


class Identities:
    """Of all tenants. `tenants` is the process's own copy of their records, which changes; without `master` there are no pseudonyms."""

    def __init__(self, tenants: Mapping[str, TenantRecord], master: bytes | None) -> None:
        self._tenants = tenants
        self._master = master

    def normal(self, tenant: str, email: str | None, phone: str | None) -> tuple[str | None, str | None]:
        """An address and a number as events have them."""
        settings = self._tenants.get(tenant)
        region = None if settings is None else settings.country
        return email and normal_email(email), phone and to_e164(phone, region)

    def pseudonyms(self, tenant: str, id: str | None, email: str | None, phone: str | None) -> list[Identity]:
        """The pseudonyms of normalised identities, as (kind, value): what the same person is called where the tenant has pseudonyms."""
        if self._master is None:
            return []
        made = Pseudonyms(self._master, tenant)
        hidden = (("id", id and made.id(id, phone)), ("email", email and made.email(email)), ("phone", phone and made.phone(phone)))
        known = {("id", id), ("email", email), ("phone", phone)}
        return [(kind, value) for kind, value in hidden if value and (kind, value) not in known]

    def sealer(self, tenant: str) -> Sealer | None:
        """What opens the addresses of this tenant's customers; None where they are not kept."""
        settings = self._tenants.get(tenant)
        return Sealer(self._master, tenant) if self._master is not None and settings is not None and settings.survey_addresses else None
