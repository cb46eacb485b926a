"""Calls to vendors, where nobody answers."""

import pytest

from services.ingest.adapters.adapter import Call
from services.ingest.channels.outgoing import CallFailed, VendorCalls
from shared.clock import utc_now
from shared.delivery.guard import GuardedNetwork


async def test_a_vendor_whose_name_nobody_knows_is_asked_again_and_its_administrator_told_what_to_look_at() -> None:
    network = GuardedNetwork(allow_private=False)
    calls = VendorCalls(network, utc_now, call_seconds=60)

    with pytest.raises(CallFailed, match="name cannot be found") as failed:
        await calls.call(Call("GET", "https://vendor.invalid/reviews?token=t0ken"))
    network.close()

    assert not failed.value.failure.final
    assert "t0ken" not in failed.value.failure.detail
