"""An outcome from what a batch of a vendor's items turns out to be, item by item."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from services.ingest.adapters.adapter import Answer, ChannelEvent, Fetch, Outcome, Unreadable
from services.ingest.adapters.node import Node

I = TypeVar("I")  # noqa: E741 - an item
T = TypeVar("T")

Found = ChannelEvent | Fetch | str
"""An event, something to fetch, or, in a word or two, why there is neither."""

OK = Answer()


def gathered(found: Iterable[Found], answer: Answer = OK) -> Outcome:
    """All that was found in one request. Raises what the items raise: a request is understood whole or kept whole."""
    items = list(found)
    return Outcome(
        events=[item for item in items if isinstance(item, ChannelEvent)],
        answer=answer,
        fetches=[item for item in items if isinstance(item, Fetch)],
        passed_over=Counter(item for item in items if isinstance(item, str)),
    )


def counted(posts: Iterable[tuple[Node, Node]]) -> dict[str, int]:
    """How many comments a network says that there are, from id and number of each post, for `Pulled.collected`."""
    told = ((post.id(), count.number()) for post, count in posts)
    return {id: max(0, int(number)) for id, number in told if id is not None and number is not None}


def readable(items: Iterable[I], read: Callable[[I], Iterable[T]]) -> tuple[list[T], Mapping[str, int]]:
    """What the items of a pulled page amount to, one after the other, and how many could not be read, for `Pulled.passed_over`.

    Raises Unreadable when not one could be: then it is not an odd item but a new format, and the cursor has to stay where it is.
    """
    found: list[T] = []
    read_well = 0
    failed: list[Unreadable] = []
    for item in items:
        try:
            found += list(read(item))
            read_well += 1
        except Unreadable as odd:
            failed.append(odd)
    if failed and not read_well:
        raise failed[0]
    return found, {"unreadable": len(failed)} if failed else {}
