"""One step of a pull against answers that were written down; no network."""

from collections.abc import Coroutine
from typing import Any, TypeVar

from services.ingest.adapters import adapters
from services.ingest.adapters.adapter import Call, Endpoint, Pulled, Reply
from tests.ingest.adapters.case import Pull

T = TypeVar("T")


async def step(pull: Pull, content: bytes) -> Pulled:
    """What the adapter makes of the content, in the place where the vendor sends the sample."""
    adapter = adapters()[pull.adapter]
    assert adapter.pull is not None, f"{pull.adapter} has no pull"
    endpoint: Endpoint[Any, Any] = Endpoint((pull.secrets,), pull.options, pull.zone)

    async def http(call: Call) -> Reply:
        return Reply(200, {"content-type": "application/json"}, pull.reply(call, content))

    return await adapter.pull(pull.fetch, endpoint, http, pull.at)


class Recording:
    """An `Http` that answers calls in turn and keeps them; a reply that is an error is raised."""

    def __init__(self, *replies: bytes | Reply | Exception) -> None:
        self.replies = list(replies)
        self.calls: list[Call] = []

    async def __call__(self, call: Call) -> Reply:
        self.calls.append(call)
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply if isinstance(reply, Reply) else Reply(200, {"content-type": "application/json"}, reply)


def at_once(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that waits for nothing, without a loop."""
    try:
        coroutine.send(None)
    except StopIteration as ended:
        result: T = ended.value
        return result
    raise AssertionError("it waited for something")
