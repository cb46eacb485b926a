"""What Intercom asks before it takes an address."""

from services.ingest.adapters.adapter import Answer, Outcome, Request
from tests.ingest.adapters.cases.intercom import RATED, URL


def test_a_probe_with_head_is_answered_and_says_nothing() -> None:
    probe = Request("HEAD", URL, {}, b"", RATED.at)

    outcome = RATED.receive(probe)

    assert outcome == Outcome(answer=Answer(200))
