"""Whatever a vendor answers to any call of a step, signing in included, it ends in events, in Unreadable or in NotNow; so do the steps
that it leads to. Anything else would end the process that fetches for all."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings

from services.ingest.adapters import adapters, facebook_page, instagram
from services.ingest.adapters.adapter import Call, Endpoint, Fetch, NotNow, Pulled, Reply, Unreadable
from tests.ingest.adapters.case import UTC_ZONE, Pull
from tests.ingest.adapters.cases import PULLS
from tests.ingest.adapters.cases.facebook_page import AT
from tests.ingest.adapters.judging import take
from tests.ingest.adapters.pulling import at_once
from tests.ingest.adapters.test_fuzz import SEED, contents

EXAMPLES = 25
"""For each call of a step."""


@dataclass(frozen=True)
class Step:
    """A step of a pull: `answers` are good ones, one a call, in the order of the calls."""

    name: str
    adapter: str
    endpoint: Endpoint[Any, Any]
    fetch: Fetch
    at: datetime
    answers: tuple[bytes, ...]

    def __str__(self) -> str:
        return self.name

    def pulled(self, fetch: Fetch, answers: tuple[bytes, ...]) -> Pulled:
        """What the adapter makes of these answers; a further call is answered like the last one."""
        pull = adapters()[self.adapter].pull
        assert pull is not None
        calls = iter(answers)

        async def http(call: Call) -> Reply:
            return Reply(200, {"content-type": "application/json"}, next(calls, answers[-1]))

        return at_once(pull(fetch, self.endpoint, http, self.at))


def sampled(pull: Pull) -> Step:
    """A case of a pull, with what is answered to each of its calls."""
    endpoint: Endpoint[Any, Any] = Endpoint((pull.secrets,), pull.options, pull.zone)
    answers: list[bytes] = []

    async def http(call: Call) -> Reply:
        answers.append(pull.reply(call, pull.content))
        return Reply(200, {"content-type": "application/json"}, answers[-1])

    found = adapters()[pull.adapter].pull
    assert found is not None
    at_once(found(pull.fetch, endpoint, http, pull.at))
    return Step(str(pull), pull.adapter, endpoint, pull.fetch, pull.at, tuple(answers))


META = {"app_secret": "test-secret", "verify_token": "test-verify-token"}
PAGE = Endpoint(
    (facebook_page.Secrets(**META, page_access_token="test-token"),), facebook_page.Options(page_id="100000000000001"), UTC_ZONE
)
ACCOUNT = Endpoint((instagram.Secrets(**META, access_token="test-token"),), instagram.Options(account_id="17841400000000001"), UTC_ZONE)
MENTION = {"account": "17841400000000001", "media": "17900000000000007", "comment": "17850000000000031", "sent_at": None}
STEPS = [
    *map(sampled, PULLS),
    Step(
        "facebook_page posts", "facebook_page", PAGE, Fetch("posts", {"page": "100000000000001"}), AT,
        (b'{"data": [{"id": "1_2", "comments": {"data": [], "summary": {"total_count": 5}}}]}',),
    ),
    Step(
        "instagram posts", "instagram", ACCOUNT, Fetch("posts", {"account": "17841400000000001"}), AT,
        (b'{"data": [{"id": "17900000000000007", "comments_count": 12}]}',),
    ),
    Step(
        "instagram mention", "instagram", ACCOUNT, Fetch("mention:17850000000000031", MENTION), AT,
        (b'{"mentioned_comment": {"id": "17850000000000031", "text": "hello", "timestamp": "2026-03-19T09:00:00+0000",'
         b' "username": "them", "media": {"id": "17900000000000007", "permalink": "https://www.instagram.com/p/x/"}}}',),
    ),
]  # fmt: skip


def test_every_channel_that_fetches_is_among_them() -> None:
    fetching = {name for name, adapter in adapters().items() if adapter.pull is not None}

    assert {step.adapter for step in STEPS} == fetching


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_whatever_is_answered_to_any_call_a_step_and_those_behind_it_end_well(step: Step) -> None:
    print(f"seed {SEED}")
    for call in range(len(step.answers)):
        fuzz(step, call)


def fuzz(step: Step, call: int) -> None:
    """Answer one of the step's calls with anything."""

    @seed(SEED)
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
    @given(contents("json", step.answers[call]))
    def ends_well(content: bytes) -> None:
        answers = (*step.answers[:call], content, *step.answers[call + 1 :])
        with contextlib.suppress(Unreadable, NotNow):
            for fetch in led_to(step.pulled(step.fetch, answers), step):
                with contextlib.suppress(Unreadable, NotNow):
                    list(led_to(step.pulled(fetch, step.answers), step))

    ends_well()


def led_to(pulled: Pulled, step: Step) -> Iterator[Fetch]:
    """The next steps, after a look at whether everything can be stored."""
    take(pulled.events, step.at, odd_times=True)
    for post, count in pulled.collected.items():
        assert post.encode() and "\0" not in post and count >= 0
    assert all(count > 0 for count in pulled.passed_over.values())
    following = [pulled.then] if pulled.then else []
    if pulled.cursor is not None:
        following.append(Fetch(step.fetch.key, pulled.cursor))
    for fetch in following:
        yield Fetch(fetch.key, json.loads(json.dumps(dict(fetch.arguments), allow_nan=False)))
