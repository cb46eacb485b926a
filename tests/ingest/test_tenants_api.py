"""What a tenant may be changed to."""

import pytest
from pydantic import ValidationError

from services.ingest.tenants_api import NewTenant, TenantChange


@pytest.mark.parametrize("zone", ["0", "Europe", "Europe/Nowhere", "localtimes"])
def test_a_zone_that_does_not_exist_is_refused(zone: str) -> None:
    with pytest.raises(ValidationError, match="no time zone"):
        TenantChange.model_validate({"zone": zone})
    with pytest.raises(ValidationError, match="no time zone"):
        NewTenant.model_validate({"id": "acme", "name": "ACME", "zone": zone})


def test_a_zone_that_exists_is_taken() -> None:
    assert TenantChange.model_validate({"zone": "Asia/Shanghai"}).zone == "Asia/Shanghai"
