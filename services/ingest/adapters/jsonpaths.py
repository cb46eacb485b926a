"""JSONPath (RFC 9535) as people may write it into a mapping: checked when it is written, and never more work than the body is long.

Every step may choose one thing: a name, an index, all children, a slice, or children by a comparison. Left out is what makes a path cost
more than one walk over the body, or what regular expressions can: `..`, several choices in one step, functions, `$` inside a filter.
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
from jsonpath.selectors import Filter, IndexSelector, JSONPathSelector, NameSelector, SliceSelector, WildcardSelector
from pydantic import AfterValidator, Field

LONGEST = 512
MOST_STEPS = 32
MOST_IN_FILTER = 16

_ENVIRONMENT = JSONPathEnvironment(strict=True)
_LITERALS = (BooleanLiteral, StringLiteral, IntegerLiteral, FloatLiteral, Nil)


def checked(text: str) -> str:
    """The path as it was written. Raises ValueError with what to change."""
    compiled(text)
    return text


Path = Annotated[str, Field(min_length=1, max_length=LONGEST), AfterValidator(checked)]


@lru_cache(maxsize=4096)
def compiled(text: str) -> JSONPath:
    """A path ready to be asked. Raises ValueError with what to change."""
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
    return path


def found(path: str, value: Any) -> Iterator[Any]:
    """All that the path leads to in a JSON value, in order."""
    compiled_path = compiled(path)
    if not isinstance(value, dict | list):
        if not compiled_path.segments:
            yield value
        return
    for match in compiled_path.finditer(value):
        yield match.obj


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
