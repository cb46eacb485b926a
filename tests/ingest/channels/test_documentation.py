"""The page on channels names every channel as it is, and every endpoint's setup can be read."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from services.ingest.adapters import adapters
from services.ingest.adapters.adapter import Adapter, Endpoint, Request
from services.ingest.adapters.generic import ADAPTER, Options
from services.ingest.adapters.schemes import SchemeSecrets
from services.ingest.channels.endpoint import StoredEndpoint
from services.ingest.channels.showing import shown
from shared.clock import utc_now
from tests.ingest.adapters.signing import hex_hmac

PAGE = Path(__file__).parents[3] / "docs" / "channels.md"


def row(adapter: Adapter[Any, Any]) -> str:
    """The line of the table, as the page has to have it."""
    webhook = "webhook" if adapter.receive else None
    looks = "poll" if adapter.poll else "fetch" if adapter.pull else None
    ways = " + ".join(way for way in (webhook, looks) if way) or "page"
    proof = "–" if adapter.receive is None else "sender only" if adapter.unsigned_body else "sender and body"
    return f"| `{adapter.name}` | {adapter.title} | {ways} | {proof} |"


def test_the_page_has_a_line_for_every_channel_and_for_no_other() -> None:
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]

    assert lines == [row(adapter) for name, adapter in adapters().items() if name != "loopback"]


def test_every_setup_can_be_read_as_it_is_shown() -> None:
    for adapter in adapters().values():
        now = utc_now()
        endpoint = StoredEndpoint("0" * 32, "acme", adapter.name, "n", "UTC", None, {}, 60, 1, now, now, None)

        view = shown(endpoint, adapter, "https://in.example.com/", None)

        assert view["setup"] and any(re.search(r"\bTest\b", line) for line in view["setup"]), adapter.name
        assert not [line for line in view["setup"] if re.search(r"\{(url|public|id)\}", line)], adapter.name
        if adapter.receive is not None:
            assert any(view["url"] in line for line in view["setup"]), adapter.name


def test_the_mapping_on_the_page_makes_an_event_of_the_body_beside_it() -> None:
    before, after = PAGE.read_text().split('```json\n{"channel": "generic"')
    body = before.rpartition("that sends `")[2].partition("`")[0].encode()
    told = json.loads('{"channel": "generic"' + after.partition("```")[0])
    request = Request("POST", "https://in.example.com/", {"x-signature": hex_hmac("s" * 16, body)}, body, utc_now())

    endpoint = Endpoint([SchemeSecrets(secret="s" * 16)], Options.model_validate(told["options"]), ZoneInfo(told["zone"]))
    assert ADAPTER.receive is not None
    [event] = ADAPTER.receive(request, endpoint).events

    assert (event.id, event.time) == ("9007199254740993", datetime(2026, 3, 19, 9, 30, tzinfo=UTC))
    assert event.data["answers"] == [{"question": "service", "instrument": "csat", "score": 4, "scale_min": 1, "scale_max": 5}]
    assert {name: event.data[name] for name in ("survey", "channel", "touchpoint")} == {
        "survey": "kiosk", "channel": "store", "touchpoint": "Pudong",
    }  # fmt: skip


def test_an_address_that_no_vendor_reaches_is_said_to_be_one() -> None:
    for adapter in adapters().values():
        endpoint = StoredEndpoint("0" * 32, "acme", adapter.name, "n", "UTC", None, {}, 60, 1, utc_now(), utc_now(), None)

        setup = shown(endpoint, adapter, "http://127.0.0.1:8001", None)["setup"]

        warned = setup[0].startswith("First let the operator set HEARBACK_INGEST_PUBLIC_URL")
        assert warned is any("{url}" in line or "{public}" in line for line in adapter.setup), adapter.name
