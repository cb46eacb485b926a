"""An outcome from what a batch of a vendor's items turns out to be, item by item."""

from collections import Counter
from collections.abc import Iterable

from services.ingest.adapters.adapter import Answer, ChannelEvent, Fetch, Outcome

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
