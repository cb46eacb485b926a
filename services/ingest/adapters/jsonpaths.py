"""JSONPath (RFC 9535) as people may write it into a mapping: checked when it is written, and walked with a limit on the work.

Every step may choose one thing: a name, an index, all children, a slice, or children by a comparison. Left out is what makes a path cost
more than one walk over the body, or what regular expressions can: `..`, several choices in one step, functions, `$` inside a filter.
The library reads paths and judges filters; the walk is our own, since the library makes several objects of every value that it passes.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated, Any

from jsonpath import JSONPath, JSONPathEnvironment, JSONPathError
from jsonpath.filter import (
    BaseExpression,
    BooleanLiteral,
    FilterExpression,
    FloatLiteral,
    InfixExpression,
    IntegerLiteral,
    Nil,
    PrefixExpression,
    RelativeFilterQuery,
    StringLiteral,
)
from jsonpath.segments import JSONPathChildSegment
from jsonpath.selectors import Filter, FilterContext, IndexSelector, JSONPathSelector, NameSelector, SliceSelector, WildcardSelector
from pydantic import AfterValidator, Field

from services.ingest.adapters.adapter import Unreadable

LONGEST = 512
MOST_STEPS = 32
MOST_IN_FILTER = 16
MOST_WORK = 250_000
"""Values looked at for one request, by all paths together; about a quarter of a second."""

_ENVIRONMENT = JSONPathEnvironment(strict=True)
_PART_COSTS = 15
_PATH_COSTS = 5
"""In values: what a part of a filter takes for a child, and what is done with the first value that a path finds."""
_LITERALS = (BooleanLiteral, StringLiteral, IntegerLiteral, FloatLiteral, Nil)


def checked(text: str) -> str:
    """The path as it was written. Raises ValueError with what to change."""
    compiled(text)
    return text


Path = Annotated[str, Field(min_length=1, max_length=LONGEST), AfterValidator(checked)]


@lru_cache(maxsize=4096)
def compiled(text: str) -> tuple[JSONPathSelector, ...]:
    """A path's steps. Raises ValueError with what to change."""
    if not 1 <= len(text) <= LONGEST:
        raise ValueError(f"a path has 1 to {LONGEST} characters")
    try:
        path = _ENVIRONMENT.compile(text)
    except (JSONPathError, RecursionError, ValueError) as error:
        told = error.args[0] if error.args else "cannot be read"
        raise ValueError(f"{text[:80]} is no JSONPath such as $.customer.email or $.fields[?@.name == 'csat'].value: {told}") from None
    if not isinstance(path, JSONPath) or path.pseudo_root:
        raise ValueError(f"{text[:80]}: a path begins with $ and is one path")
    if len(path.segments) > MOST_STEPS:
        raise ValueError(f"{text[:80]}: a path may have {MOST_STEPS} steps")
    for segment in path.segments:
        if not isinstance(segment, JSONPathChildSegment):
            raise ValueError(f"{text[:80]}: .. is not taken, it looks everywhere; name every step, or use [*] for all children")
        if len(segment.selectors) != 1:
            raise ValueError(f"{text[:80]}: a step may choose one thing; write several paths instead")
        _check_selector(segment.selectors[0], text)
    return tuple(segment.selectors[0] for segment in path.segments)


class Work:
    """What looking at one body may still cost."""

    def __init__(self, most: int = MOST_WORK) -> None:
        self._left = most

    def spend(self, values: int) -> None:
        """So many values are looked at. Raises Unreadable when that is too many."""
        self._left -= values
        if self._left < 0:
            raise Unreadable("the mapping looks at too many values of this body: name more steps of its paths, or let the sender send less")


def found(path: str, value: Any, work: Work) -> Iterator[Any]:
    """All that the path leads to in a JSON value, in order. Raises Unreadable when that is too much work."""
    work.spend(_PATH_COSTS)
    return _walk(compiled(path), 0, value, work)


def _walk(steps: tuple[JSONPathSelector, ...], place: int, value: Any, work: Work) -> Iterator[Any]:
    work.spend(1)
    while place < len(steps) and isinstance(step := steps[place], NameSelector | IndexSelector):
        if isinstance(step, NameSelector):
            if not isinstance(value, dict) or step.name not in value:
                return
            value = value[step.name]
        else:
            if not isinstance(value, list) or not -len(value) <= step.index < len(value):
                return
            value = value[step.index]
        place += 1
    if place == len(steps):
        yield value
        return
    for child in _children(steps[place], value, work):
        yield from _walk(steps, place + 1, child, work)


def _children(step: JSONPathSelector, value: Any, work: Work) -> Iterator[Any]:
    """What a step with several children chooses."""
    if isinstance(step, SliceSelector):
        yield from value[step.slice] if isinstance(value, list) and step.slice.step != 0 else ()
        return
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if not isinstance(step, Filter):
        yield from children
        return
    cost = _PART_COSTS * sum(1 for _ in _parts(step.expression, ""))
    for child in children:
        work.spend(cost)
        if step.expression.evaluate(FilterContext(env=_ENVIRONMENT, current=child, root=child)):
            yield child


def _check_selector(selector: JSONPathSelector, text: str) -> None:
    if isinstance(selector, NameSelector | IndexSelector | SliceSelector | WildcardSelector):
        return
    if not isinstance(selector, Filter):
        raise ValueError(f"{text[:80]}: a step is a name, an index, a slice, * or a filter")
    parts = list(_parts(selector.expression, text))
    if len(parts) > MOST_IN_FILTER:
        raise ValueError(f"{text[:80]}: a filter may have {MOST_IN_FILTER} parts")


def _parts(expression: BaseExpression, text: str) -> Iterator[BaseExpression]:
    """The leaves of a filter: values, and paths from the child that is looked at, by names and indices alone."""
    if isinstance(expression, FilterExpression):
        yield from _parts(expression.expression, text)
    elif isinstance(expression, InfixExpression):
        yield from _parts(expression.left, text)
        yield from _parts(expression.right, text)
    elif isinstance(expression, PrefixExpression):
        yield from _parts(expression.right, text)
    elif isinstance(expression, _LITERALS) or (isinstance(expression, RelativeFilterQuery) and expression.path.singular_query()):
        yield expression
    else:
        raise ValueError(f"{text[:80]}: a filter compares @.name with a value; functions, regular expressions, $ and * are not taken")
