"""Whom to ask so that the answers stand for everybody: shares by stratum, and chance that can be repeated."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import NamedTuple


class Stratum(NamedTuple):
    """Where a customer belongs; a field by which nothing is stratified is empty."""

    segment: str
    region: str
    product: str


def chance(*names: str) -> float:
    """A number in [0, 1) that is the same for the same names, whoever draws it."""
    drawn = blake2b("\n".join(names).encode(), digest_size=8).digest()
    return int.from_bytes(drawn, "big") / 2**64


def quotas(target: int, base: Mapping[Stratum, int]) -> dict[Stratum, int]:
    """`target` shared out in proportion to the base (largest remainder), each stratum at least one where there are enough, none more
    than it has."""
    total = sum(base.values())
    if target >= total:
        return dict(base)
    inhabited = [stratum for stratum in sorted(base) if base[stratum]]
    floor = 1 if target >= len(inhabited) else 0
    exact = {stratum: target * base[stratum] / total for stratum in inhabited}
    found = {stratum: max(floor, int(exact[stratum])) for stratum in inhabited}
    by_remainder = sorted(inhabited, key=lambda stratum: (found[stratum] - exact[stratum], stratum))
    while (missing := target - sum(found.values())) != 0:
        step = 1 if missing > 0 else -1
        order = by_remainder if step > 0 else by_remainder[::-1]
        for stratum in order:
            if missing != 0 and floor <= found[stratum] + step <= base[stratum]:
                found[stratum] += step
                missing -= step
    return {stratum: found.get(stratum, 0) for stratum in base}


class Standing(NamedTuple):
    """One stratum in the present window: how many were eligible, asked, answered, and may still answer."""

    base: int = 0
    asked: int = 0
    answered: int = 0
    open: int = 0

    def expected(self, response: float) -> float:
        """The answers that there will be, when of those who may still answer this share does."""
        return self.answered + self.open * response


def wanted(stratum: Stratum, standings: Mapping[Stratum, Standing], target: int, share: float, response: float, drawn: float) -> bool:
    """Whether one more of `stratum` should be asked, as they come: until the target, or the stratum's part of it, can be expected.

    The part is of the base as it is known so far, this one included; `drawn` is a chance in [0, 1).
    """
    here = standings.get(stratum, Standing())
    base = {**{one: standing.base for one, standing in standings.items()}, stratum: here.base + 1}
    if sum(standing.expected(response) for standing in standings.values()) >= target or drawn >= share:
        return False
    return here.expected(response) < max(1, -(-target * base[stratum] // sum(base.values())))
