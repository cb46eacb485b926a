"""The public form `/f/{endpoint}`: people write to us there, no vendor calls, so nothing is received and nothing pulled."""

from typing import Annotated

from pydantic import Field

from services.ingest.adapters.adapter import Adapter, Form

Place = Annotated[str, Field(min_length=1, max_length=256)]


class NoSecrets(Form):
    """Nobody signs anything: the page is public."""


class Options(Form):
    """What every entry of this form says beside what people write. A QR code's own touchpoint and region go before these."""

    touchpoint: Annotated[Place | None, Field(description="Where the form hangs: a store, a desk, a page")] = None
    product: Annotated[Place | None, Field(description="What it is about, where it is about one product")] = None
    region: Annotated[Place | None, Field(description="The region that its entries are counted under")] = None
    team: Annotated[Place | None, Field(description="The team that its entries are counted under")] = None


ADAPTER = Adapter(
    name="form",
    title="Public form",
    secrets=NoSecrets,
    options=Options,
    receive=None,
    setup=(
        "Give people the address {public}/f/{id}, or link to it; it needs nothing else",
        "For a store or a desk add ?touchpoint=<its name> (and &region=<its region>); {public}/f/{id}/poster?touchpoint=<its name> "
        "is a page with its QR code to print",
        "Test: open the address, choose Idea, write a word and send it",
    ),
)
