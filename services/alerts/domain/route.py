"""The tree of routes: from an alert's labels to receivers, and to the groups in which they are told. Follows Alertmanager.

https://prometheus.io/docs/alerting/latest/configuration/#route
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from services.alerts.domain.alert import named
from services.alerts.domain.durations import Duration
from services.alerts.domain.matchers import MatcherText, read_matcher
from services.alerts.domain.rule import Document, LabelName, RuleId, RuleRefused, refusal
from shared.errors import FieldError

EVERY_LABEL = "..."
DEEPEST = 8


@dataclass(frozen=True, slots=True)
class Timing:
    """When a group is told: after its first alert, after a change, and again while nothing changes."""

    group_wait: timedelta = timedelta(seconds=30)
    group_interval: timedelta = timedelta(minutes=5)
    repeat_interval: timedelta = timedelta(hours=4)


class Route(Document):
    """One node. What is left out comes from its parent."""

    receiver: RuleId | None = None
    matchers: Annotated[tuple[MatcherText, ...], Field(max_length=32)] = ()
    group_by: Annotated[tuple[LabelName | Annotated[str, Field(pattern=r"^\.\.\.$")], ...], Field(max_length=16)] | None = None
    continue_: Annotated[bool, Field(alias="continue")] = False
    group_wait: Duration | None = None
    group_interval: Duration | None = None
    repeat_interval: Duration | None = None
    routes: Annotated[tuple["Route", ...], Field(max_length=100)] = ()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether every matcher of this node holds."""
        return all(read_matcher(text).holds(labels) for text in self.matchers)


@dataclass(frozen=True, slots=True)
class Destination:
    """Where one alert goes: a receiver, and the group in which it is told there."""

    receiver: str
    path: str
    """The node, written as the matchers on the way to it."""
    labels: Mapping[str, str]
    """The labels that the alerts of the group share."""
    timing: Timing

    @property
    def group_key(self) -> str:
        """As Alertmanager writes a group's key."""
        shared = ", ".join(f'{name}="{value}"' for name, value in sorted(self.labels.items()))
        return f"{self.path}:{{{shared}}}"

    def group_id(self, tenant: str) -> str:
        """The group's id: of the tenant, the receiver and the key."""
        return str(named("group", tenant, self.receiver, self.group_key))


@dataclass(frozen=True, slots=True)
class _Inherited:
    receiver: str
    group_by: tuple[str, ...]
    timing: Timing


def read_route(document: object) -> Route:
    """A tree from its document. Raises RuleRefused."""
    try:
        root = TypeAdapter(Route).validate_python(document)
    except ValidationError as refused:
        raise refusal(refused) from None
    if root.receiver is None:
        raise RuleRefused([FieldError(("receiver",), "the root names the receiver of what no other route takes")])
    if root.matchers or root.continue_:
        raise RuleRefused([FieldError(("matchers",), "the root takes every alert: put matchers into routes below it")])
    if max(depth for depth, _ in _nodes(root)) > DEEPEST:
        raise RuleRefused([FieldError(("routes",), f"are nested more than {DEEPEST} deep")])
    return root


def receivers_of(root: Route) -> set[str]:
    """Every receiver that the tree names."""
    return {node.receiver for _, node in _nodes(root) if node.receiver is not None}


def destinations(root: Route, labels: Mapping[str, str]) -> list[Destination]:
    """Where an alert with these labels goes; at least one, each receiver and group once."""
    assert root.receiver is not None
    start = _Inherited(root.receiver, (), Timing())
    found: dict[tuple[str, str], Destination] = {}
    for one in _walk(root, labels, start, "{}"):
        found.setdefault((one.receiver, one.group_key), one)
    return list(found.values())


def _walk(node: Route, labels: Mapping[str, str], inherited: _Inherited, path: str) -> Iterator[Destination]:
    own = _Inherited(
        node.receiver or inherited.receiver,
        inherited.group_by if node.group_by is None else node.group_by,
        _timing(node, inherited.timing),
    )
    matched = False
    for child in node.routes:
        if not child.holds(labels):
            continue
        matched = True
        yield from _walk(child, labels, own, f"{path}/{{{','.join(child.matchers)}}}")
        if not child.continue_:
            break
    if not matched:
        shared = labels if EVERY_LABEL in own.group_by else {name: labels[name] for name in own.group_by if name in labels}
        yield Destination(own.receiver, path, dict(shared), own.timing)


def _timing(node: Route, timing: Timing) -> Timing:
    set_here = {name: getattr(node, name) for name in ("group_wait", "group_interval", "repeat_interval")}
    return replace(timing, **{name: length for name, length in set_here.items() if length is not None})


def _nodes(root: Route, depth: int = 0) -> Iterator[tuple[int, Route]]:
    yield depth, root
    for child in root.routes:
        yield from _nodes(child, depth + 1)
