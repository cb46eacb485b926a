"""The page on channels names every channel as it is, and every endpoint's setup can be read."""

import re
from pathlib import Path
from typing import Any

from services.ingest.adapters import adapters
from services.ingest.adapters.adapter import Adapter
from services.ingest.channels.endpoint import StoredEndpoint
from services.ingest.channels.forms import shown
from shared.clock import utc_now

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
