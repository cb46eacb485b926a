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
    """One stratum in the present window: how many were eligible, asked, and answered."""

    base: int
    asked: int
    answered: int


def wanted(stratum: Stratum, standings: Mapping[Stratum, Standing], target: int, share: float, drawn: float) -> bool:
    """Whether one more of `stratum` should be asked, as they come: until the target, or the stratum's part of it, is answered.

    The part is of the base as it is known so far, this one included; `drawn` is a chance in [0, 1).
    """
    here = standings.get(stratum, Standing(0, 0, 0))
    base = {**{one: standing.base for one, standing in standings.items()}, stratum: here.base + 1}
    if sum(standing.answered for standing in standings.values()) >= target or drawn >= share:
        return False
    return here.answered < max(1, -(-target * base[stratum] // sum(base.values())))
